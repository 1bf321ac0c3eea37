"""Which limits each operation has: by its method and path, by what it declares, and by whom it lets in."""

from collections.abc import Iterable, Mapping

from starlette.routing import BaseRoute

from app.api.dispatch import Endpoint as Operation
from app.api.dispatch import endpoints
from app.rate_limits.budgets import Limit
from app.rate_limits.limits import Plan, RateLimits

_AUTH = "auth"
_EXPORTS = ("/export", "/archive")
_READS = {"GET", "HEAD"}


def plans_of(routes: Iterable[BaseRoute], limits: RateLimits) -> Mapping[tuple[str, str], Plan]:
    """The plan of every operation, by method and path template.

    Raises UnenforcedLimit for a declared limit that belongs to none of them.
    """
    operations = list(endpoints(routes))
    limits.declarations.require_enforced(operation.route.endpoint for operation in operations)
    return {
        (method, operation.template): _plan(operation, method, limits)
        for operation in operations
        for method in operation.methods
    }


def _plan(operation: Operation, method: str, limits: RateLimits) -> Plan:
    endpoint, declarations = operation.route.endpoint, limits.declarations
    is_replaced = declarations.overrides_class(endpoint)
    own = () if is_replaced else (_class(operation, method, limits),)
    return Plan(
        endpoint=endpoint,
        of_users=(limits.default, *own),
        # Of other classes only users have enough to be worth a limit of their own.
        of_addresses=(limits.anonymous, *(limit for limit in own if limit is limits.auth)),
        is_public=operation.route.is_public,
        is_exempt=declarations.is_exempt(endpoint),
        has_declared=declarations.has_limits(endpoint),
    )


def _class(operation: Operation, method: str, limits: RateLimits) -> Limit:
    if _AUTH in operation.route.tags:
        return limits.auth
    if hasattr(operation.route.endpoint, "count_items"):
        return limits.bulk
    if method not in _READS:
        return limits.writes
    return limits.exports if operation.template.endswith(_EXPORTS) else limits.reads
