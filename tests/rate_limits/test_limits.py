"""All limits together: what each operation is charged to, and how load and settings move them."""

from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import Response

from app.admission import Admission
from app.api.charging import per_item
from app.api.limit_plans import plans_of
from app.api.routing import ApiRoute, PublicRoute
from app.concurrency_limit import ConcurrencyLimit
from app.rate_limits.budgets import ADMITTED, REFUSED, Charge, Payer
from app.rate_limits.declarations import DeclaredLimits, UnenforcedLimit
from app.rate_limits.limits import Plan, RateLimits
from app.rate_limits.pressure import Pressure
from app.setting_groups import RateLimitSettings
from tests.application import application

CLIENT = "203.0.113.9"


def limits_of(
    *, pressure: Pressure | None = None, declarations: DeclaredLimits | None = None, **given: str
) -> RateLimits:
    """Limits of one process, with these settings."""
    settings = RateLimitSettings.model_validate({f"RATE_LIMIT_{name.upper()}": value for name, value in given.items()})
    return RateLimits(settings, pressure=pressure, declarations=declarations or DeclaredLimits())


def charged(limits: RateLimits, plan: Plan, payer: Payer | None = None) -> list[tuple[str, str, int]]:
    """Name of the limit, whose, and how much."""
    _, items = limits.items(plan, CLIENT, payer)
    return [(limit.name, key.removeprefix(limit.prefix), cost) for limit, key, cost in items]


async def _answer(request: Request) -> Response:
    return Response()


def planned(limits: RateLimits, path: str = "/things", method: str = "GET", **route: Any) -> Plan:
    """The plan of one route."""
    app, endpoint = FastAPI(), route.pop("endpoint", _answer)
    router = APIRouter(route_class=route.pop("route_class", ApiRoute), tags=route.pop("tags", ["todos"]))
    router.add_api_route(path, endpoint, methods=[method], response_model=None)
    app.include_router(router, prefix="/api/v2")
    return plans_of(app.routes, limits)[method, f"/api/v2{path}"]


class TestPlans:
    @pytest.mark.parametrize(
        ("method", "path", "tags", "name"),
        [
            ("GET", "/things", ["todos"], "reads"),
            ("POST", "/things", ["todos"], "writes"),
            ("DELETE", "/things/{thing_id}", ["todos"], "writes"),
            ("GET", "/things/export", ["todos"], "exports"),
            ("GET", "/exports/{export_id}/archive", ["me"], "exports"),
            ("POST", "/auth/logout", ["auth"], "auth"),
        ],
    )
    def test_users_pay_for_all_and_for_the_class(self, method: str, path: str, tags: list[str], name: str) -> None:
        limits = limits_of()
        plan = planned(limits, path, method, tags=tags)
        assert charged(limits, plan, Payer("ann")) == [
            ("address", CLIENT, 1),
            ("default", "ann", 1),
            (name, "ann", 1),
        ]

    def test_items_make_it_bulk(self) -> None:
        async def batch(request: Request) -> Response:
            return Response()

        plan = planned(limits_of(), "/batch", "POST", endpoint=per_item(len)(batch))
        assert [limit.name for limit in plan.of_users] == ["default", "bulk"]

    def test_a_token_pays_too(self) -> None:
        limits = limits_of()
        found = charged(limits, planned(limits), Payer("ann", "token"))
        assert found == [
            ("address", CLIENT, 1),
            ("token", "token", 1),
            ("default", "ann", 1),
            ("reads", "ann", 1),
        ]

    @pytest.mark.parametrize(
        ("tags", "names"), [([], ["address", "anonymous"]), (["auth"], ["address", "anonymous", "auth"])]
    )
    def test_nobody_pays_by_address(self, tags: list[str], names: list[str]) -> None:
        limits = limits_of()
        plan = planned(limits, route_class=PublicRoute, tags=tags)
        assert plan.is_public
        assert charged(limits, plan) == [(name, CLIENT, 1) for name in names]

    @pytest.mark.parametrize("overrides", [True, False])
    def test_a_declared_limit_takes_the_place_of_the_class_unless_it_says_otherwise(self, *, overrides: bool) -> None:
        declared = DeclaredLimits()

        @declared.limit("5/minute", override_defaults=overrides)
        async def read(request: Request) -> Response:
            return Response()

        limits = limits_of(declarations=declared)
        plan = planned(limits, endpoint=read)
        assert [limit.name for limit in plan.of_users] == (["default"] if overrides else ["default", "reads"])
        assert plan.has_declared

    def test_every_operation_of_the_service_has_one(self) -> None:
        app = application()
        plans = app.state.limits.plans
        assert len(plans) > 60
        assert {template for (_, template), plan in plans.items() if plan.is_exempt} == {
            "/health",
            "/health/live",
            "/health/ready",
        }
        bulk = {template for (_, template), plan in plans.items() if app.state.limits.bulk in plan.of_users}
        assert bulk == {"/api/v2/todos/batch", "/api/v1/todos/bulk-process"}
        assert all(plan.of_addresses for plan in plans.values())

    def test_a_limit_on_a_route_that_is_not_ours_fails_at_the_start(self) -> None:
        declared, app = DeclaredLimits(), FastAPI()

        @app.get("/theirs")
        @declared.limit("5/minute")
        async def theirs(request: Request) -> dict[str, str]:
            return {}

        with pytest.raises(UnenforcedLimit, match="theirs"):
            plans_of(app.routes, limits_of(declarations=declared))


class TestDeclared:
    def test_a_limit_is_one_budget_for_all_requests_of_a_payer(self) -> None:
        declared = DeclaredLimits()

        @declared.limit("2/minute", error_message="Slow down.")
        async def read(request: Request) -> Response:
            return Response()

        limits = limits_of(declarations=declared)
        charges = []
        for number in range(3):
            request = Request({"type": "http", "method": "GET", "path": f"/{number}", "headers": [], "payer": "ann"})
            charges.append(Charge("block", limits.declared(read, request)))
            limits.charge(charges[-1])
        assert [charge.verdict for charge in charges] == [ADMITTED, ADMITTED, REFUSED]
        refused = charges[-1].limit
        assert refused is not None
        assert (refused.name, refused.message) == ("read", "Slow down.")


class TestSettings:
    def test_the_factor_multiplies_every_limit(self) -> None:
        declared = DeclaredLimits()

        @declared.limit("5/minute")
        async def read(request: Request) -> Response:
            return Response()

        limits = limits_of(declarations=declared, factor="10", reads="7/minute")
        request = Request({"type": "http", "method": "GET", "path": "/", "headers": [], "payer": "ann"})
        ((of_read, _, _),) = limits.declared(read, request)
        assert (limits.reads.rate.amount, of_read.rate.amount) == (70, 50)

    def test_load_scales_every_limit_and_lets_it_go_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        admission = Admission(ConcurrencyLimit(most=8), max_waiting=10)
        limits = limits_of(pressure=Pressure(admission, floor=0.25), reads="1000/minute")
        now = 1000.0
        monkeypatch.setattr("app.rate_limits.limits.monotonic", lambda: now)

        def amount() -> int:
            limits.charge(Charge("block", ((limits.reads, limits.reads.prefix + "ann", 1),)))
            return limits.reads.rate.amount

        assert amount() == 1000
        seen = []
        for _ in range(6):
            admission.reads.refused += 1
            now += 1.0
            seen.append(amount())
        assert seen == [700, 490, 343, 250, 250, 250]
        assert limits.reads.headers[0][1] == b'"reads";q=250;w=60'
        for _ in range(8):
            now += 1.0
            seen.append(amount())
        assert seen[-8:] == [350, 450, 550, 650, 750, 850, 950, 1000]
        assert [limit.rate.amount for limit in (limits.default, limits.address)] == [1200, 3000]
