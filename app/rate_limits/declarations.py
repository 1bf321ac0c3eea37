"""`@limiter.limit("5/minute")` on an endpoint, as slowapi spells it. What is declared here, app.api.charging enforces.

slowapi's own enforcement is not used: it asks Redis synchronously, limits nothing on included routers, takes every id
in a path for another operation, and fails with Redis.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from inspect import signature
from typing import Any, TypeVar

from limits import parse_many
from slowapi import Limiter
from slowapi.wrappers import Limit as SlowapiLimit
from starlette.requests import Request

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

# What may stand between quotes in a header, and in a key.
_SCOPE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class UnenforcedLimit(Exception):
    """A declaration that no request would ever meet."""


def by_payer(request: Request) -> str:
    """Who pays if a declaration does not say: the user whom the token names, or else the client's address."""
    payer: str = request.scope["payer"]
    return payer


@dataclass(frozen=True, slots=True)
class Declared:
    """One limit as it was declared, for one operation; `name` is what clients see of it, `key` is its own."""

    name: str
    key: str
    amount: int
    window_seconds: int
    source: SlowapiLimit

    def payer(self, request: Request) -> str:
        """Whose budget the request is charged to."""
        return str(self.source.key_func(request) if _takes_request(self.source.key_func) else self.source.key_func())

    def cost(self, request: Request) -> int:
        """What the request costs; 0 where it is exempt or of another method."""
        source = self.source
        if source.methods is not None and request.method.lower() not in source.methods:
            return 0
        if source.is_exempt(request):
            return 0
        return int(source.cost(request)) if callable(source.cost) else int(source.cost)

    @property
    def message(self) -> str:
        """What the refusal says, if the declaration has something to say."""
        message = self.source.error_message
        return str((message() if callable(message) else message) or "")


class DeclaredLimits(Limiter):
    """slowapi's limiter as a register: what is decorated stays as it is, and nothing is checked when it is called.

    `limit`, `shared_limit` and `exempt` take what slowapi's take. A declared limit takes the place of the limit of the
    operation's class (reads, writes and so on), unless it says `override_defaults=False`. Those of the user, the token
    and the address hold in any case.
    """

    def __init__(self) -> None:
        super().__init__(key_func=by_payer, auto_check=False, key_style="endpoint")
        self._endpoints: dict[str, Callable[..., Any]] = {}

    def get_app_config(self, key: str, default_value: Any = None) -> Any:  # noqa: ARG002 - slowapi's signature
        """The default: slowapi's own variables and files configure nothing here."""
        return default_value

    def limit(self, limit_value: str | Callable[..., str], *args: Any, **kwargs: Any) -> Callable[[Endpoint], Endpoint]:
        """As slowapi's. Raises ValueError for a limit that cannot be read or that its cost can never keep."""
        _check(limit_value, kwargs.get("cost", 1))
        return self._registering(super().limit(limit_value, *args, **kwargs))

    def shared_limit(
        self, limit_value: str | Callable[..., str], scope: str | Callable[..., str], *args: Any, **kwargs: Any
    ) -> Callable[[Endpoint], Endpoint]:
        """As slowapi's; `scope` is a name, and the operations that share it share one budget."""
        _check(limit_value, kwargs.get("cost", 1))
        if callable(scope) or not _SCOPE.fullmatch(scope):
            raise ValueError(f"the scope of a shared limit is a name, not {scope!r}")
        return self._registering(super().shared_limit(limit_value, scope, *args, **kwargs))

    def exempt(self, obj: Endpoint) -> Endpoint:
        """As slowapi's: no limit at all holds for this operation."""
        self._exempt_routes.add(_name(obj))
        return self._register(obj)

    def is_exempt(self, endpoint: Callable[..., Any]) -> bool:
        """True if it was declared so."""
        return _name(endpoint) in self._exempt_routes

    def overrides_class(self, endpoint: Callable[..., Any]) -> bool:
        """True if the limit of the operation's class does not hold, because of one that was declared."""
        name = _name(endpoint)
        declared = [*self._route_limits.get(name, ()), *self._dynamic_route_limits.get(name, ())]
        return any(each.override_defaults for each in declared)

    def has_limits(self, endpoint: Callable[..., Any]) -> bool:
        """True if there are limits of its own."""
        return _name(endpoint) in {**self._route_limits, **self._dynamic_route_limits}

    def of(self, endpoint: Callable[..., Any], request: Request | None = None) -> Iterator[Declared]:
        """The limits of one operation; those that depend on the request only where there is one."""
        name = _name(endpoint)
        method = "" if request is None else request.method
        yield from _declared(name, self._route_limits.get(name, ()), method)
        if request is not None:
            for group in self._dynamic_route_limits.get(name, ()):
                # Read at once, before anybody else gives it another request.
                now = list(group.with_request(request))  # type: ignore[no-untyped-call]  # slowapi says no types here
                yield from _declared(name, now, method)

    def require_enforced(self, endpoints: Iterable[Callable[..., Any]]) -> None:
        """Raises UnenforcedLimit unless each declaration is on one of these endpoints, itself and not a copy of it."""
        known = {_name(endpoint): endpoint for endpoint in endpoints}
        for name, declared in self._endpoints.items():
            if known.get(name) is not declared:
                raise UnenforcedLimit(
                    f"{name}: a limit is declared, but no route of ours runs this very function. "
                    "Decorators that replace a function belong below the limit's."
                )

    def _registering(self, declare: Callable[[Endpoint], object]) -> Callable[[Endpoint], Endpoint]:
        def register(endpoint: Endpoint) -> Endpoint:
            declare(endpoint)
            return self._register(endpoint)

        return register

    def _register(self, endpoint: Endpoint) -> Endpoint:
        name = _name(endpoint)
        if self._endpoints.setdefault(name, endpoint) is not endpoint:
            raise UnenforcedLimit(f"{name}: two functions of this name declare limits; nobody could tell them apart.")
        return endpoint


# Of the process, since decorators run when their modules are imported. It only grows while they are.
limiter = DeclaredLimits()


def _declared(name: str, sources: Iterable[SlowapiLimit], method: str) -> Iterator[Declared]:
    for source in sources:
        item = source.limit
        window_seconds = item.get_expiry()
        key = f"{source.scope or name}:{item.amount}:{window_seconds}"
        if source.per_method:
            key += f":{method}"
        yield Declared(source.scope or name.rpartition(".")[2], key, item.amount, window_seconds, source)


def _check(limit_value: str | Callable[..., str], cost: int | Callable[..., int]) -> None:
    if callable(limit_value):
        return
    # slowapi would log what cannot be read, to nowhere, and let everything through.
    least = min(item.amount for item in parse_many(limit_value))
    if least < (1 if callable(cost) else cost):
        raise ValueError(f"{limit_value!r} lets nothing through at a cost of {cost}")


@lru_cache(maxsize=1024)
def _takes_request(function: Callable[..., Any]) -> bool:
    return bool(signature(function).parameters)


def _name(endpoint: Callable[..., Any]) -> str:
    """As slowapi names what it decorates."""
    return f"{endpoint.__module__}.{endpoint.__name__}"
