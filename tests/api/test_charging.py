"""Requests and their limits, as clients meet them."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from app.database.executor import Database
from app.domain.identity import api_key_text
from app.rate_limits.budgets import BLOCK_PREFIX, Payer
from app.settings import Settings
from tests.api.limited import Limited, limited_service, new_address, rate_limit

V1, V2 = "/api/v1", "/api/v2"
NOBODY = "0193aaaa-aaaa-7aaa-aaaa-aaaaaaaaaaaa"


@pytest.fixture
async def service(settings: Settings, database: Database) -> AsyncIterator[Limited]:
    """Five of everything in a day, and more for whole users and addresses."""
    async with limited_service(
        settings,
        database,
        reads="5/day",
        writes="5/day",
        bulk="400/day",
        auth="5/day",
        anonymous="5/day",
        default="1000/day",
        address="1000/day",
    ) as started:
        yield started


async def statuses(http: httpx.AsyncClient, method: str, *paths: str, **given: object) -> list[int]:
    """What becomes of one request for each path."""
    return [(await http.request(method, path, **given)).status_code for path in paths]  # type: ignore[arg-type]  # as given


class TestOnIncludedRouters:
    @pytest.mark.parametrize("version", [V1, V2])
    async def test_the_sixth_is_429(self, service: Limited, version: str) -> None:
        http = await service.somebody()
        assert await statuses(http, "GET", *[f"{version}/todos"] * 6) == [200] * 5 + [429]

    @pytest.mark.parametrize("version", [V1, V2])
    async def test_ids_in_the_path_make_no_new_budgets(self, service: Limited, version: str) -> None:
        http = await service.somebody()
        paths = [f"{version}/todos/{NOBODY[:-1]}{number}" for number in range(6)]
        assert await statuses(http, "GET", *paths) == [404] * 5 + [429]

    @pytest.mark.parametrize("version", [V1, V2])
    async def test_a_declared_limit_holds_over_both_versions(
        self, settings: Settings, database: Database, version: str
    ) -> None:
        async with limited_service(settings, database, anonymous="1000/day") as service:
            http, other = await service.anybody(), V1 if version == V2 else V2
            found = await statuses(http, "POST", *[f"{version}/auth/register"] * 20, f"{other}/auth/register", json={})
            assert found == [422] * 20 + [429]

    async def test_each_user_has_their_own(self, service: Limited) -> None:
        ann, bob = await service.somebody(), await service.somebody()
        await statuses(ann, "GET", *[f"{V2}/todos"] * 6)
        assert await statuses(bob, "GET", f"{V2}/todos") == [200]

    async def test_users_of_one_address_share_that_of_the_address(self, settings: Settings, database: Database) -> None:
        async with limited_service(settings, database, address="10/day") as service:
            address = new_address()
            people = [await service.somebody(address) for _ in range(3)]
            found = [status for each in people for status in await statuses(each, "GET", *[f"{V2}/todos"] * 4)]
        assert found == [200] * 10 + [429] * 2


class TestAnswers:
    async def test_a_refusal_names_the_limit_and_says_when_to_come_back(self, service: Limited) -> None:
        http = await service.somebody()
        await statuses(http, "GET", *[f"{V2}/todos"] * 5)
        answer = await http.get(f"{V2}/todos")
        name, remaining, seconds = rate_limit(answer)
        assert (name, remaining) == ("reads", 0)
        assert 17_000 < seconds <= 17_280
        assert answer.headers["retry-after"] == answer.headers["x-ratelimit-reset"] == str(seconds)
        assert answer.headers["ratelimit-policy"] == '"reads";q=5;w=86400'
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert (problem["code"], problem["type"], problem["status"]) == ("RATE_LIMITED", "/problems/rate-limited", 429)
        assert "'reads'" in problem["detail"]

    async def test_version_1_has_its_envelope(self, service: Limited) -> None:
        http = await service.somebody()
        await statuses(http, "GET", *[f"{V1}/todos"] * 5)
        error = (await http.get(f"{V1}/todos")).json()["error"]
        assert error["code"] == "RATE_LIMITED"
        assert "'reads'" in error["message"]

    async def test_who_waits_as_long_as_it_says_is_let_in(self, settings: Settings, database: Database) -> None:
        async with limited_service(settings, database, reads="2 per 5 seconds") as service:
            http = await service.somebody()
            assert await statuses(http, "GET", *[f"{V2}/todos"] * 2) == [200] * 2
            refused = await http.get(f"{V2}/todos")
            assert refused.status_code == 429
            await asyncio.sleep(int(refused.headers["retry-after"]))
            assert await statuses(http, "GET", f"{V2}/todos") == [200]

    async def test_what_is_left_counts_down_and_is_said_in_both_spellings(self, service: Limited) -> None:
        http = await service.somebody()
        found = [await http.get(f"{V2}/projects") for _ in range(3)]
        assert [rate_limit(each)[:2] for each in found] == [("reads", 4), ("reads", 3), ("reads", 2)]
        last = found[-1].headers
        assert (last["x-ratelimit-limit"], last["x-ratelimit-remaining"]) == ("5", "2")
        assert last["x-ratelimit-reset"] == str(rate_limit(found[-1])[2])

    async def test_kept_answers_and_not_modified_ones_count_like_any_other(self, service: Limited) -> None:
        http = await service.somebody()
        first = await http.get(f"{V2}/todos")
        kept = await http.get(f"{V2}/todos")
        same = await http.get(f"{V2}/todos", headers={"If-None-Match": first.headers["etag"]})
        anew = await http.get(f"{V2}/todos", headers={"Cache-Control": "no-cache"})
        assert [each.status_code for each in (first, kept, same, anew)] == [200, 200, 304, 200]
        assert [rate_limit(each)[1] for each in (first, kept, same, anew)] == [4, 3, 2, 1]

    async def test_a_head_counts_as_a_get(self, service: Limited) -> None:
        http = await service.somebody()
        answer = await http.head(f"{V2}/todos")
        assert rate_limit(answer)[:2] == ("reads", 4)
        assert rate_limit(await http.get(f"{V2}/todos"))[1] == 3

    async def test_errors_of_every_kind_say_what_is_left(self, service: Limited) -> None:
        http = await service.somebody()
        requests = {
            400: http.post(f"{V2}/todos", content=b"{", headers={"Content-Type": "application/json"}),
            404: http.get(f"{V2}/todos/{NOBODY}"),
            405: http.put(f"{V2}/todos", json={}),
            406: http.get(f"{V2}/todos", headers={"Accept": "text/html"}),
            415: http.post(f"{V2}/todos", content=b"x", headers={"Content-Type": "text/plain"}),
            422: http.post(f"{V2}/todos", json={}),
        }
        for status, request in requests.items():
            answer = await request
            assert answer.status_code == status
            assert {"ratelimit", "ratelimit-policy", "x-ratelimit-reset"} <= set(answer.headers), status


class TestWhoPays:
    async def test_unknown_paths_and_wrong_methods_are_charged_to_the_address(self, service: Limited) -> None:
        http = await service.anybody()
        assert await statuses(http, "GET", "/nothing", "/.env", "/api/v3", f"{V2}/nothing") == [404] * 4
        assert await statuses(http, "PUT", f"{V2}/todos") == [405]
        assert await statuses(http, "GET", "/nothing") == [429]

    @pytest.mark.parametrize("authorization", ["", "Bearer x", "Bearer x.y.z", "Basic YTpi", "Bearer"])
    async def test_who_guesses_tokens_is_charged_by_address(self, service: Limited, authorization: str) -> None:
        http = await service.anybody()
        http.headers["Authorization"] = authorization
        assert await statuses(http, "GET", *[f"{V2}/todos"] * 6) == [401] * 5 + [429]
        assert await statuses(http, "POST", f"{V2}/todos", json={"title": "x"}) == [429]

    async def test_a_token_makes_no_difference_where_none_is_needed(self, service: Limited) -> None:
        """Else whoever has many accounts could try many passwords."""
        address = new_address()
        people = [await service.somebody(address) for _ in range(6)]
        found = [await each.get(V2) for each in people]
        assert [each.status_code for each in found] == [200] * 5 + [429]
        assert {rate_limit(each)[0] for each in found} == {"anonymous"}

    async def test_malformed_bodies_are_charged(self, service: Limited) -> None:
        http = await service.somebody()
        headers = {"Content-Type": "application/json"}
        found = await statuses(http, "POST", *[f"{V2}/todos"] * 6, content=b'{"title": NaN}', headers=headers)
        assert found == [400] * 5 + [429]

    async def test_a_token_of_a_session_that_has_ended_uses_up_nothing_of_its_users(self, service: Limited) -> None:
        """Beyond the one request by which the process hears of it."""
        user = await service.somebody()
        thief = await service.anybody()
        thief.headers["Authorization"] = user.headers["Authorization"]
        await user.post(f"{V2}/auth/logout")
        for _ in range(6):
            await thief.get(f"{V2}/todos")
        services = service.running.services
        claims = services.authority.access_tokens.verify(user.headers["Authorization"].removeprefix("Bearer "))
        left = await services.limits.look(new_address(), Payer(str(claims.user_id)))
        assert {each.limit.name: each.remaining for each in left if each.limit}["reads"] >= 4

    async def test_who_is_refused_costs_no_statement_even_where_nobody_remembers_them(self, service: Limited) -> None:
        http, services = await service.somebody(), service.running.services
        await statuses(http, "GET", *[f"{V2}/todos"] * 5)
        cache = services.cache
        assert cache is not None
        assert cache.link.connected is not None
        cache.bodies.clear()
        for key in await cache.link.connected.of("x").ask("KEYS", "{todo:*}:session:*"):
            await cache.link.connected.of(key.decode()).ask("DEL", key)
        for path in (f"{V2}/todos", f"{V2}/me/sessions"):
            with services.database.observed() as statements:
                assert (await http.get(path)).status_code == 429
            assert [name for name in statements if not name.startswith("cache_touches.")] == []

    async def test_ipv6_counts_by_64(self, service: Limited) -> None:
        found = []
        for number in range(6):
            http = await service.anybody(f"2001:db8:77:{7:x}::{number:x}")
            found += await statuses(http, "GET", V2)
        assert found == [200] * 5 + [429]
        assert await statuses(await service.anybody("2001:db8:77:8::1"), "GET", V2) == [200]


class TestApiKeys:
    async def test_who_guesses_keys_is_refused_without_a_look_at_the_database(self, service: Limited) -> None:
        http, services = await service.anybody(), service.running.services
        for number in range(6):
            http.headers["Authorization"] = f"Bearer {api_key_text.fresh()}"
            with services.database.observed() as statements:
                status = (await http.get(f"{V2}/todos")).status_code
            asked = [name for name in statements if not name.startswith("cache_touches.")]
            assert (status, bool(asked)) == ((401, True) if number < 5 else (429, False))


class TestExempt:
    async def test_health_is_never_limited_and_says_nothing_of_limits(self, service: Limited) -> None:
        http = await service.anybody()
        await statuses(http, "GET", *["/nothing"] * 6)
        found = [await http.get(path) for path in ("/health", "/health/live", "/health/ready") for _ in range(4)]
        assert {each.status_code for each in found} == {200}
        assert not any("ratelimit" in each.headers for each in found)

    async def test_a_preflight_is_not_counted(self, settings: Settings, database: Database) -> None:
        origin = "https://app.example.com"
        http_settings = settings.http.model_copy(update={"cors_origins": [origin]})
        allowing = settings.model_copy(update={"http": http_settings})
        async with limited_service(allowing, database, anonymous="1/day") as service:
            http = await service.anybody()
            asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}
            assert await statuses(http, "OPTIONS", *[f"{V2}/todos"] * 5, headers=asked) == [200] * 5
            answer = await http.get(V2, headers={"Origin": origin})
            assert answer.status_code == 200
            exposed = answer.headers["access-control-expose-headers"].lower()
            assert {"ratelimit", "ratelimit-policy", "retry-after", "x-ratelimit-limit"} <= set(exposed.split(", "))


class TestBulk:
    @staticmethod
    def batch(number: int) -> dict[str, object]:
        return {"operations": [{"op": "create", "data": {"title": str(each)}} for each in range(number)]}

    async def test_each_item_counts(self, service: Limited) -> None:
        http = await service.somebody()
        answer = await http.post(f"{V2}/todos/batch", json=self.batch(100))
        assert (answer.status_code, *rate_limit(answer)[:2]) == (200, "bulk", 300)
        answer = await http.post(f"{V2}/todos/batch", json=self.batch(1))
        assert rate_limit(answer)[:2] == ("bulk", 299)

    async def test_in_version_1_as_well(self, service: Limited) -> None:
        http = await service.somebody()
        ids = [f"{NOBODY[:-2]}{number}" for number in range(10, 40)]
        answer = await http.post(f"{V1}/todos/bulk-process", json={"operation": "complete", "todo_ids": ids})
        assert (answer.status_code, *rate_limit(answer)[:2]) == (200, "bulk", 370)

    async def test_what_does_not_fit_is_refused_whole_and_changes_nothing(self, service: Limited) -> None:
        http = await service.somebody()
        for _ in range(3):
            await http.post(f"{V2}/todos/batch", json=self.batch(100))
        await http.post(f"{V2}/todos/batch", json=self.batch(50))
        refused = await http.post(f"{V2}/todos/batch", json=self.batch(60))
        assert (refused.status_code, *rate_limit(refused)[:2]) == (429, "bulk", 49)
        # Of 59 items ten are too many, and the first of the sixty has to be paid for again.
        assert 11 * 216 - 10 < int(refused.headers["retry-after"]) <= 11 * 216
        assert (await http.get(f"{V2}/todos/stats")).json()["total"] == 350
        assert (await http.post(f"{V2}/todos/batch", json=self.batch(49))).status_code == 200


class TestBlocks:
    async def test_a_blocked_address_is_refused_before_anything_else(self, service: Limited) -> None:
        address = new_address()
        http, link = await service.somebody(address), service.running.services.cache
        assert link is not None
        assert link.link.connected is not None
        assert (await http.get(f"{V2}/todos")).status_code == 200
        key = BLOCK_PREFIX + address
        await link.link.connected.of(key).ask("SET", key, "x", "PX", 60_000)
        for path in (f"{V2}/todos", f"{V2}/todos/{NOBODY}", V2, "/nothing", f"{V1}/todos"):
            answer = await http.get(path)
            assert answer.status_code == 429, path
            body = answer.json()
            assert (body.get("code") or body["error"]["code"]) == "ADDRESS_BLOCKED"
            assert 55 < int(answer.headers["retry-after"]) <= 60
        assert (await http.get("/health/live")).status_code == 200
        await link.link.connected.of(key).ask("DEL", key)
        assert (await http.get(f"{V2}/todos")).status_code == 200
