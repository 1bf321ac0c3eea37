"""Answers that are kept, and API keys: what was made for one caller opens to no key that may not ask for it itself."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from msgspec.structs import replace

from app.cache.layer import Cache
from app.database.executor import Database
from app.domain.audit.action import Action
from app.domain.identity.api_key_gate import ApiKeyGate
from app.domain.identity.known import Known
from app.middleware import access_log
from app.settings import Settings
from tests.api.conftest import UNKEPT, Person
from tests.api_key_factories import key_header, make_api_key
from tests.conftest import Running, running
from tests.domain.audit.log_read import by_actor

V2 = "/api/v2"
MISSING = f"{V2}/todos/{uuid4()}"

Ask = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture(params=["apart", "together"])
def _kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key's answers are kept apart from those of sessions; if they were not, nothing of this would be different."""
    if request.param == "together":
        load: Any = ApiKeyGate._load

        async def with_those_of_sessions(self: ApiKeyGate, claims: Any) -> Known | None:
            known: Known | None = await load(self, claims)
            return known and replace(known, answers_of=known.caller_id)

        monkeypatch.setattr(ApiKeyGate, "_load", with_those_of_sessions)


@pytest.fixture
async def own_service(_kept: None, settings: Settings) -> AsyncIterator[Running]:
    async with running(settings) as started:
        yield started


@pytest.fixture
def cache(own_service: Running) -> Cache:
    assert own_service.services.cache is not None
    return own_service.services.cache


@pytest.fixture
async def http(own_service: Running, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(own_service.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=settings.http.base_url) as opened:
        yield opened


@pytest.fixture
def session(ann: Person) -> dict[str, str]:
    return {"Authorization": ann.http.headers["Authorization"]}


@pytest.fixture
async def with_scope(ann: Person, database: Database) -> dict[str, str]:
    return key_header(await make_api_key(database, ann.user, ["todos:read"]))


@pytest.fixture
async def without_scope(ann: Person, database: Database) -> dict[str, str]:
    return key_header(await make_api_key(database, ann.user, ["tags:read"]))


@pytest.fixture
async def places(ann: Person) -> list[str]:
    todo = await ann.create(f"{V2}/todos", title="Paint")
    return [f"{V2}/todos", f"{V2}/todos/{todo['id']}", f"{V2}/todos/stats", f"{V2}/todos?fields=id", "/api/v1/todos"]


async def is_refused(answer: Awaitable[httpx.Response]) -> bool:
    """True for the 403 that names the scope."""
    response = await answer
    challenge = response.headers.get("www-authenticate", "")
    return (response.status_code, challenge) == (
        403,
        'Bearer realm="todo", error="insufficient_scope", scope="todos:read"',
    )


class TestAKeyWithoutTheScope:
    async def test_is_refused_what_this_process_holds(
        self, http: httpx.AsyncClient, places: list[str], session: dict[str, str], without_scope: dict[str, str]
    ) -> None:
        assert (await http.get(f"{V2}/tags", headers=without_scope)).status_code == 200  # It is known here.
        for place in places:
            for _ in range(2):
                assert (await http.get(place, headers=session)).status_code == 200
                assert await is_refused(http.get(place, headers=without_scope)), place
                assert await is_refused(http.head(place, headers=without_scope)), place

    async def test_is_refused_what_redis_holds(
        self,
        http: httpx.AsyncClient,
        cache: Cache,
        places: list[str],
        session: dict[str, str],
        without_scope: dict[str, str],
    ) -> None:
        for place in places:
            assert (await http.get(place, headers=session)).status_code == 200
            cache.bodies.clear()
            assert await is_refused(http.get(place, headers=without_scope)), place

    async def test_is_refused_what_nobody_holds(
        self, http: httpx.AsyncClient, places: list[str], without_scope: dict[str, str]
    ) -> None:
        for place in places:
            assert await is_refused(http.get(place, headers=without_scope)), place

    async def test_is_refused_what_has_become_stale(
        self,
        http: httpx.AsyncClient,
        ann: Person,
        places: list[str],
        session: dict[str, str],
        without_scope: dict[str, str],
    ) -> None:
        assert (await http.get(f"{V2}/tags", headers=without_scope)).status_code == 200
        for place in places:
            assert (await http.get(place, headers=session)).status_code == 200
            await ann.create(f"{V2}/todos", title="Another")
            assert await is_refused(http.get(place, headers=without_scope)), place

    async def test_is_not_told_that_something_does_not_exist(
        self, http: httpx.AsyncClient, session: dict[str, str], without_scope: dict[str, str]
    ) -> None:
        assert (await http.get(f"{V2}/tags", headers=without_scope)).status_code == 200
        for _ in range(2):
            assert (await http.get(MISSING, headers=session)).status_code == 404
            assert await is_refused(http.get(MISSING, headers=without_scope))

    async def test_is_refused_what_is_made_anew(
        self, http: httpx.AsyncClient, places: list[str], session: dict[str, str], without_scope: dict[str, str]
    ) -> None:
        for place in places:
            assert (await http.get(place, headers=session)).status_code == 200
            assert await is_refused(http.get(place, headers=without_scope | UNKEPT)), place

    async def test_does_not_learn_that_nothing_has_changed(
        self, http: httpx.AsyncClient, places: list[str], session: dict[str, str], without_scope: dict[str, str]
    ) -> None:
        for place in places:
            etag = (await http.get(place, headers=session)).headers["etag"]
            for tag in (etag, "*"):
                assert await is_refused(http.get(place, headers=without_scope | {"If-None-Match": tag})), place

    async def test_runs_no_statement_of_the_route(
        self, own_service: Running, http: httpx.AsyncClient, places: list[str], without_scope: dict[str, str]
    ) -> None:
        with own_service.services.database.observed() as statements:
            for place in places:
                await http.get(place, headers=without_scope | UNKEPT)
        assert set(statements) <= {"api_keys.holders", "api_keys.present"}


class TestTheAuditLog:
    async def test_has_every_refusal_once_with_the_key_that_was_shown(
        self, http: httpx.AsyncClient, ann: Person, places: list[str], session: dict[str, str], database: Database
    ) -> None:
        """Whether there was a kept answer or not."""
        issued = await make_api_key(database, ann.user, ["tags:read"])
        assert (await http.get(f"{V2}/tags", headers=key_header(issued))).status_code == 200
        for _ in range(2):
            assert await is_refused(http.get(places[1], headers=key_header(issued)))
            assert (await http.get(places[1], headers=session)).status_code == 200
        kept = await by_actor(database, ann.user.id, Action.ACCESS_REFUSED)
        assert [(row.actor_kind, row.token_id, row.subject) for row in kept] == [
            ("token", issued.api_key.id, ("todo", places[1].rpartition("/")[2]))
        ] * 2
        assert {row.changed["reason"][1] for row in kept} == {"INSUFFICIENT_SCOPE"}


class TestAKeyWithTheScope:
    async def test_gets_what_a_session_gets_and_runs_no_statement_the_second_time(
        self,
        own_service: Running,
        http: httpx.AsyncClient,
        places: list[str],
        session: dict[str, str],
        with_scope: dict[str, str],
    ) -> None:
        for place in places:
            of_session = await http.get(place, headers=session)
            assert (await http.get(place, headers=with_scope)).json() == of_session.json(), place
            with own_service.services.database.observed() as statements:
                again = await http.get(place, headers=with_scope)
            assert (again.json(), statements) == (of_session.json(), []), place

    async def test_sees_a_write_at_once(
        self, http: httpx.AsyncClient, ann: Person, places: list[str], with_scope: dict[str, str]
    ) -> None:
        before = [await http.get(place, headers=with_scope) for place in places]
        await ann.http.patch(places[1], json={"title": "Varnish", "status": "done"})
        for place, old in zip(places, before, strict=True):
            new = (await http.get(place, headers=with_scope)).json()
            assert new != old.json() or "fields" in place, place

    async def test_ends_on_the_way_to_a_kept_answer(
        self, http: httpx.AsyncClient, ann: Person, places: list[str], with_scope: dict[str, str]
    ) -> None:
        for place in places:
            assert (await http.get(place, headers=with_scope)).status_code == 200
        (key,) = (await ann.http.get(f"{V2}/me/api-keys")).json()["items"]
        await ann.http.delete(key["links"]["self"])
        for place in places:
            assert (await http.get(place, headers=with_scope)).status_code == 401, place


@pytest.mark.usefixtures("_kept")
class TestLog:
    async def test_the_line_has_the_keys_id_and_never_the_key(
        self,
        ann: Person,
        places: list[str],
        database: Database,
        session: dict[str, str],
        settings: Settings,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Kept or not, allowed or refused: the same line."""
        written: list[bytes] = []
        monkeypatch.setattr(access_log, "line_writer", lambda: written.append)
        own = {"timestamp", "duration_ms", "request_id", "trace_id", "bytes"}
        async with running(settings) as service:
            transport = httpx.ASGITransport(service.app)
            async with httpx.AsyncClient(transport=transport, base_url=str(ann.http.base_url)) as http:
                for scope in ("todos:read", "tags:read"):
                    issued = await make_api_key(database, ann.user, [scope])
                    await http.get(f"{V2}/tags", headers=key_header(issued))
                    written.clear()
                    for headers in (session, key_header(issued), session, key_header(issued)):
                        await http.get(places[0], headers=headers)
                    assert issued.token.encode() not in b"".join(written)
                    lines = [json.loads(line) for line in written]
                    for line in lines:
                        assert line["caller_id"] == str(ann.user.id)
                        assert line["route"] == f"{V2}/todos"
                    of_session, first, _, second = lines
                    assert "api_key_id" not in of_session
                    assert first["api_key_id"] == str(issued.api_key.id)
                    assert {key: first[key] for key in first.keys() - own} == {
                        key: second[key] for key in second.keys() - own
                    }
