"""All limits of a process: their present rates, who pays which of them, and where they are counted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from time import monotonic

from limits import parse
from starlette.requests import Request

from app.rate_limits.budgets import BLOCK_PREFIX, NO_BLOCK_PREFIX, Charge, Item, Limit, Payer
from app.rate_limits.declarations import DeclaredLimits, limiter
from app.rate_limits.in_process import LocalBudgets
from app.rate_limits.pressure import LOOK_SECONDS, Pressure
from app.rate_limits.shared import SharedBudgets
from app.redis.link import Link
from app.setting_groups import RateLimitSettings

CHARGES_KEPT = 4096
# For the counts of what remains.
STRETCH_SECONDS = 60.0

Operation = Callable[..., object]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What a request to one operation is charged to, besides the address that it comes from."""

    endpoint: Operation | None
    of_users: tuple[Limit, ...]
    # Where no user is known.
    of_addresses: tuple[Limit, ...]
    is_public: bool = False
    is_exempt: bool = False
    has_declared: bool = False


class RateLimits:
    """One per process. `plans` says by method and path template what a request is charged; `stray` is for no route."""

    def __init__(
        self,
        settings: RateLimitSettings,
        *,
        pressure: Pressure | None = None,
        declarations: DeclaredLimits = limiter,
        honours_blocks: bool = True,
    ) -> None:
        # What was blocked before blocking was switched off may still have its key.
        self._block_prefix = BLOCK_PREFIX if honours_blocks else NO_BLOCK_PREFIX
        self.declarations = declarations
        self.is_distributed = settings.is_distributed
        self._factor = settings.factor
        self._pressure = pressure
        self._all: dict[str, Limit] = {}
        self.address = self._set("address", settings.address)
        self.anonymous = self._set("anonymous", settings.anonymous)
        self.default = self._set("default", settings.default, counts_items=True)
        self.token = self._set("token", settings.token, counts_items=True)
        self.reads = self._set("reads", settings.reads)
        self.writes = self._set("writes", settings.writes)
        self.bulk = self._set("bulk", settings.bulk, counts_items=True)
        self.exports = self._set("exports", settings.exports)
        self.auth = self._set("auth", settings.auth)
        self.plans: Mapping[tuple[str, str], Plan] = {}
        self.stray = Plan(None, (self.default,), (self.anonymous,))
        # The same clients ask for the same things again and again.
        self.items = lru_cache(maxsize=CHARGES_KEPT)(self._items)
        self.blocked = 0
        self.local = LocalBudgets()
        self._shared: SharedBudgets | None = None
        self._looks_at = 0.0
        self._turns_at = 0.0

    @property
    def scale(self) -> float:
        """What the load of this process multiplies every limit with."""
        return 1.0 if self._pressure is None else self._pressure.scale

    @property
    def is_shared(self) -> bool:
        """True while all processes count together."""
        return self._shared is not None and self._shared.is_connected

    @property
    def all(self) -> Mapping[str, Limit]:
        """Every limit by its key, those that are declared included once they have met a request."""
        return self._all

    def share(self, link: Link) -> None:
        """Counts in Redis from now on, whenever it can be asked."""
        if self.is_distributed:
            self._shared = SharedBudgets(link, self.local.charge)

    def charge(self, charge: Charge) -> None:
        """Charges it: at once in this process, or in Redis with the next write to it. Waits for nothing."""
        now = monotonic()
        if now >= self._looks_at:
            self._look(now)
        if self._shared is None or not self._shared.add(charge):
            self.local.charge(charge)

    def _items(self, plan: Plan, client: str, payer: Payer | None) -> tuple[str, tuple[Item, ...]]:
        """The key of the client's block, and what is charged for the operation besides the limits that it declares."""
        items: list[Item] = [(self.address, self.address.prefix + client, 1)]
        own, subject = plan.of_addresses, client
        if payer is not None:
            own, subject = plan.of_users, payer.user_id
            if payer.token_id is not None:
                items.append((self.token, self.token.prefix + payer.token_id, 1))
        items += [(limit, limit.prefix + subject, 1) for limit in own]
        return self._block_prefix + client, tuple(items)

    def declared(self, endpoint: Operation, request: Request) -> tuple[Item, ...]:
        """What an operation's own limits are charged for this request."""
        items: list[Item] = []
        for declared in self.declarations.of(endpoint, request):
            cost = declared.cost(request)
            if cost:
                limit = self._all.get(declared.key) or self._add(
                    declared.key,
                    Limit(
                        declared.name,
                        declared.amount,
                        declared.window_seconds,
                        key=declared.key,
                        message=declared.message,
                    ),
                )
                items.append((limit, limit.prefix + declared.payer(request), cost))
        return tuple(items)

    async def look(self, client: str, payer: Payer) -> list[Charge]:
        """What is left for the client and the payer of each limit that holds for all operations. Charges nothing.

        One round trip.
        """
        subjects = {self.address: client, self.token: payer.token_id}
        holding = (self.address, self.default, self.token, self.reads, self.writes, self.bulk, self.exports, self.auth)
        charges = [
            Charge(self._block_prefix + client, ((limit, limit.prefix + subject, 0),))
            for limit in holding
            if (subject := subjects.get(limit, payer.user_id)) is not None
        ]
        for charge in charges:
            self.charge(charge)
        for charge in charges:
            await charge.wait()
        return charges

    def _set(self, name: str, text: str, *, counts_items: bool = False) -> Limit:
        item = parse(text)
        return self._add(name, Limit(name, item.amount, item.get_expiry(), counts_items=counts_items))

    def _add(self, key: str, limit: Limit) -> Limit:
        limit.rescale(self._factor * self.scale)
        self._all[key] = limit
        return limit

    def _look(self, now: float) -> None:
        self._looks_at = now + LOOK_SECONDS
        if self._pressure is not None and self._pressure.look(now):
            for limit in self._all.values():
                limit.rescale(self._factor * self._pressure.scale)
        if now >= self._turns_at:
            self._turns_at = now + STRETCH_SECONDS
            for limit in self._all.values():
                limit.turn()
