"""Limits as they are declared: what slowapi's users write, and what would never be enforced."""

from functools import wraps
from typing import Any

import pytest
from starlette.requests import Request

from app.rate_limits.declarations import DeclaredLimits, UnenforcedLimit, limiter


def request_of(method: str = "GET", **headers: str) -> Request:
    given = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": method, "path": "/", "headers": given, "payer": "ann"})


@pytest.fixture
def declared() -> DeclaredLimits:
    return DeclaredLimits()


class TestReading:
    def test_several_limits_in_a_text_or_in_several_decorators_all_hold(self, declared: DeclaredLimits) -> None:
        @declared.limit("5/minute;100/day")
        @declared.limit("10 per 2 hours")
        async def read(request: Request) -> None: ...

        assert {(each.amount, each.window_seconds) for each in declared.of(read)} == {
            (5, 60),
            (100, 86_400),
            (10, 7_200),
        }
        assert {each.name for each in declared.of(read)} == {"read"}
        assert len({each.key for each in declared.of(read)}) == 3

    def test_what_is_decorated_stays_itself(self, declared: DeclaredLimits) -> None:
        async def read(request: Request) -> None: ...

        assert declared.limit("5/minute")(read) is read
        assert declared.exempt(read) is read

    def test_a_callable_is_asked_at_each_request(self, declared: DeclaredLimits) -> None:
        amounts = iter(("5/minute", "50/minute"))

        @declared.limit(lambda: next(amounts))
        async def read(request: Request) -> None: ...

        assert list(declared.of(read)) == [], "without a request nobody knows"
        found = [next(iter(declared.of(read, request_of()))).amount for _ in range(2)]
        assert found == [5, 50]

    def test_a_callable_may_depend_on_the_payer(self, declared: DeclaredLimits) -> None:
        def limit_for(key: str) -> str:
            return "500/minute" if key == "ann" else "5/minute"

        @declared.limit(limit_for)
        async def read(request: Request) -> None: ...

        assert [each.amount for each in declared.of(read, request_of())] == [500]

    def test_a_key_of_its_own_says_who_pays(self, declared: DeclaredLimits) -> None:
        def by_tenant(request: Request) -> str:
            return request.headers["x-tenant"]

        @declared.limit("5/minute")
        @declared.limit("7/minute", key_func=by_tenant)
        @declared.limit("9/minute", key_func=lambda: "everybody")
        async def read(request: Request) -> None: ...

        request = request_of(**{"x-tenant": "acme"})
        assert {each.amount: each.payer(request) for each in declared.of(read, request)} == {
            5: "ann",
            7: "acme",
            9: "everybody",
        }

    def test_cost_exemption_and_methods_are_heeded(self, declared: DeclaredLimits) -> None:
        @declared.limit("50/minute", cost=lambda request: int(request.headers["x-cost"]))
        async def costly(request: Request) -> None: ...

        @declared.limit("50/minute", exempt_when=lambda request: "x-friend" in request.headers)
        async def friendly(request: Request) -> None: ...

        @declared.limit("50/minute", methods=["POST"], cost=2)
        async def posted(request: Request) -> None: ...

        def cost(endpoint: Any, request: Request) -> int:
            (found,) = declared.of(endpoint, request)
            return found.cost(request)

        assert cost(costly, request_of(**{"x-cost": "7"})) == 7
        assert cost(friendly, request_of()) == 1
        assert cost(friendly, request_of(**{"x-friend": "1"})) == 0
        assert cost(posted, request_of("GET")) == 0
        assert cost(posted, request_of("POST")) == 2

    def test_a_shared_limit_is_one_budget_and_a_limit_for_each_method_several(self, declared: DeclaredLimits) -> None:
        @declared.shared_limit("5/minute", scope="search")
        async def find(request: Request) -> None: ...

        @declared.shared_limit("5/minute", scope="search")
        async def suggest(request: Request) -> None: ...

        @declared.limit("5/minute", per_method=True)
        async def both(request: Request) -> None: ...

        (of_find,), (of_suggest,) = declared.of(find), declared.of(suggest)
        assert (of_find.key, of_find.name) == (of_suggest.key, of_suggest.name) == ("search:5:60", "search")
        keys = {each.key for method in ("GET", "POST") for each in declared.of(both, request_of(method))}
        assert len(keys) == 2

    def test_an_error_message_is_text_or_makes_it(self, declared: DeclaredLimits) -> None:
        @declared.limit("5/minute", error_message="Slow down.")
        @declared.limit("6/minute", error_message=lambda: "Slower.")
        @declared.limit("7/minute")
        async def read(request: Request) -> None: ...

        assert {each.amount: each.message for each in declared.of(read)} == {5: "Slow down.", 6: "Slower.", 7: ""}


class TestRefusedAtOnce:
    @pytest.mark.parametrize("text", ["5/fortnight", "many", "", "0/minute", "5/minute;nonsense"])
    def test_what_cannot_be_read_is_an_error_and_not_no_limit(self, declared: DeclaredLimits, text: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            declared.limit(text)

    def test_a_cost_that_never_fits_is_an_error(self, declared: DeclaredLimits) -> None:
        with pytest.raises(ValueError, match="lets nothing through"):
            declared.limit("5/minute", cost=6)

    @pytest.mark.parametrize("scope", [lambda _endpoint: "x", "", 'a"b', "a b", "\r\n"])
    def test_a_scope_that_is_no_name_is_an_error(self, declared: DeclaredLimits, scope: Any) -> None:
        with pytest.raises(ValueError, match="is a name"):
            declared.shared_limit("5/minute", scope=scope)

    def test_an_endpoint_without_a_request_is_an_error_as_with_slowapi(self, declared: DeclaredLimits) -> None:
        async def read() -> None: ...

        with pytest.raises(Exception, match="request"):
            declared.limit("5/minute")(read)


class TestRefusedAtTheStart:
    def test_a_function_that_no_route_runs(self, declared: DeclaredLimits) -> None:
        @declared.limit("5/minute")
        async def read(request: Request) -> None: ...

        declared.require_enforced([read])
        with pytest.raises(UnenforcedLimit, match="read"):
            declared.require_enforced([])

    def test_a_decorator_that_stands_above_the_routes_own_and_hides_it(self, declared: DeclaredLimits) -> None:
        """The route has the function inside, and the limit is on the one outside."""

        async def read(request: Request) -> None: ...

        @wraps(read)
        async def wrapper(request: Request) -> None:
            await read(request)

        declared.limit("5/minute")(wrapper)
        with pytest.raises(UnenforcedLimit, match="this very function"):
            declared.require_enforced([read])

    def test_an_exemption_of_nothing(self, declared: DeclaredLimits) -> None:
        @declared.exempt
        async def read(request: Request) -> None: ...

        with pytest.raises(UnenforcedLimit):
            declared.require_enforced([])

    def test_two_functions_of_one_name(self, declared: DeclaredLimits) -> None:
        def make() -> Any:
            async def read(request: Request) -> None: ...

            return read

        declared.limit("5/minute")(make())
        with pytest.raises(UnenforcedLimit, match="two functions"):
            declared.limit("9/minute")(make())


def test_the_environment_of_slowapi_configures_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATELIMIT_STORAGE_URL", "redis://127.0.0.1:1")
    monkeypatch.setenv("RATELIMIT_ENABLED", "")
    made = DeclaredLimits()
    assert made.enabled
    assert type(made._storage).__name__ == "MemoryStorage"


def test_passwords_and_health_are_declared() -> None:
    assert {name.rpartition(".")[2] for name in limiter._route_limits} >= {"log_in", "register"}
    assert {name.rpartition(".")[2] for name in limiter._exempt_routes} == {
        "get_health",
        "get_liveness",
        "get_readiness",
    }
