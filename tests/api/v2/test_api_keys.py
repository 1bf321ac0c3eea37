"""Your API keys: making them, looking at them, using them, ending them."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.database.executor import Database
from app.domain.identity import api_key_text
from tests.api.conftest import Person
from tests.api_key_factories import key_header, make_api_key
from tests.conftest import Running
from tests.domain.identity.key_clocks import last_use, let_time_pass

KEYS, TODOS, ME = "/api/v2/me/api-keys", "/api/v2/todos", "/api/v2/me"
SOME_ID = "0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a"
WANTED = {"name": "Nightly report", "scopes": ["todos:read"]}


def key(issued: dict[str, Any]) -> dict[str, str]:
    """The header that shows what a POST has made."""
    return {"Authorization": f"Bearer {issued['token']}"}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


class TestCreate:
    async def test_the_key_is_shown_once_and_works(self, client: httpx.AsyncClient, ann: Person) -> None:
        todo = await ann.create(TODOS, title="Paint")
        response = await ann.http.post(KEYS, json=WANTED)
        issued = response.json()
        assert (response.status_code, response.headers["location"]) == (201, issued["links"]["self"])
        assert response.headers["cache-control"] == "no-store"
        assert api_key_text.is_well_formed(issued["token"])
        found = await client.get(TODOS, headers=key(issued))
        assert [item["id"] for item in found.json()["items"]] == [todo["id"]]
        shown = (await ann.http.get(issued["links"]["self"])).json()
        assert shown == {name: value for name, value in issued.items() if name != "token"}

    @pytest.mark.parametrize(
        ("given", "days"), [({}, 90), ({"expires_in_days": 1}, 1), ({"expires_in_days": 365.0}, 365)]
    )
    async def test_it_ends(self, ann: Person, given: dict[str, float], days: int) -> None:
        issued = await ann.create(KEYS, **WANTED, **given)
        assert moment(issued["expires_at"]) - moment(issued["created_at"]) == timedelta(days=days)

    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"expires_in_days": 0}, "#/expires_in_days"),
            ({"expires_in_days": 366}, "#/expires_in_days"),
            ({"expires_in_days": None}, "#/expires_in_days"),
            ({"expires_in_days": 1.5}, "#/expires_in_days"),
            ({"expires_in_days": True}, "#/expires_in_days"),
            ({"expires_in_days": "30"}, "#/expires_in_days"),
            ({"scopes": []}, "#/scopes"),
            ({"scopes": ["account"]}, "#/scopes"),
            ({"scopes": ["todos:*"]}, "#/scopes"),
            ({"scopes": ["users:read"]}, "#/scopes"),
            ({"scopes": "todos:read"}, "#/scopes"),
            ({"name": ""}, "#/name"),
            ({"name": "x" * 101}, "#/name"),
            ({"user_id": SOME_ID}, "#/user_id"),
            ({"token": "todo_pat_mine"}, "#/token"),
        ],
    )
    async def test_what_cannot_be_is_refused(self, ann: Person, change: dict[str, Any], pointer: str) -> None:
        response = await ann.http.post(KEYS, json={**WANTED, **change})
        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == pointer
        assert (await ann.http.get(KEYS)).json()["items"] == []

    async def test_the_fifty_first_is_refused(self, ann: Person, database: Database) -> None:
        for _ in range(50):
            await make_api_key(database, ann.user)
        response = await ann.http.post(KEYS, json=WANTED)
        assert (response.status_code, response.json()["code"]) == (409, "TOO_MANY_API_KEYS")


class TestList:
    async def test_it_comes_in_pages_newest_first(self, ann: Person, bob: Person) -> None:
        await bob.create(KEYS, **WANTED)
        for number in range(5):
            await ann.create(KEYS, name=f"key {number}", scopes=["todos:read"])
        seen, place = [], f"{KEYS}?limit=2"
        while place:
            response = await ann.http.get(place, headers={"Prefer": "return=total-count"})
            assert response.json()["page"]["total"] == 5
            seen += [item["name"] for item in response.json()["items"]]
            place = response.links.get("next", {}).get("url", "")
        assert seen == [f"key {number}" for number in (4, 3, 2, 1, 0)]
        assert "todo_pat_" not in (await ann.http.get(KEYS)).text

    async def test_who_has_it_already_is_told_so(self, ann: Person) -> None:
        issued = await ann.create(KEYS, **WANTED)
        for place in (KEYS, issued["links"]["self"]):
            etag = (await ann.http.get(place)).headers["etag"]
            assert (await ann.http.get(place, headers={"If-None-Match": etag})).status_code == 304

    async def test_a_page_is_one_statement_besides_the_look_at_the_session(
        self, ann: Person, service_database: Database
    ) -> None:
        with service_database.observed() as statements:
            await ann.http.get(KEYS)
        assert statements == ["sessions.present", "api_keys.page"]

    async def test_when_and_from_where_it_was_used_is_known(
        self, client: httpx.AsyncClient, ann: Person, service: Running
    ) -> None:
        issued = await ann.create(KEYS, **WANTED)
        assert (issued["last_used_at"], issued["last_used_address"]) == (None, None)
        await client.get(TODOS, headers=key(issued))
        await service.services.api_key_uses.write()
        used = (await ann.http.get(issued["links"]["self"])).json()
        assert used["last_used_address"] == "127.0.0.1"
        assert moment(issued["created_at"]) <= moment(used["last_used_at"]) <= datetime.now(UTC)

    async def test_kept_answers_count_as_use(
        self, client: httpx.AsyncClient, ann: Person, service: Running, database: Database
    ) -> None:
        issued = await make_api_key(database, ann.user)
        for _ in range(3):
            await client.get(TODOS, headers=key_header(issued))
        await service.services.api_key_uses.write()
        first = (await last_use(database, issued.api_key.id))[0]
        assert first is not None


class TestOthers:
    async def test_their_keys_do_not_exist(self, ann: Person, bob: Person) -> None:
        his = (await bob.create(KEYS, **WANTED))["links"]["self"]
        nobodys = f"{KEYS}/{uuid4()}"
        for place in (his, nobodys):
            answers = [
                await ann.http.get(place),
                await ann.http.delete(place),
                await ann.http.post(f"{place}/rotate"),
            ]
            assert [answer.status_code for answer in answers] == [404, 404, 404]
        assert (await bob.http.get(his)).status_code == 200


class TestEnd:
    async def test_a_revoked_one_is_refused_from_the_next_request_on(
        self, client: httpx.AsyncClient, ann: Person
    ) -> None:
        issued = await ann.create(KEYS, **WANTED)
        for _ in range(2):
            assert (await client.get(TODOS, headers=key(issued))).status_code == 200
        assert (await ann.http.delete(issued["links"]["self"])).status_code == 204
        refused = await client.get(TODOS, headers=key(issued))
        assert (refused.status_code, refused.json()["code"]) == (401, "API_KEY_ENDED")
        assert refused.headers["www-authenticate"] == 'Bearer realm="todo", error="invalid_token"'
        assert (await ann.http.delete(issued["links"]["self"])).status_code == 404
        assert (await ann.http.get(KEYS)).json()["items"] == []

    async def test_a_replaced_one_is_refused_and_the_new_one_works(
        self, client: httpx.AsyncClient, ann: Person
    ) -> None:
        old = await ann.create(KEYS, **WANTED, expires_in_days=7)
        assert (await client.get(TODOS, headers=key(old))).status_code == 200
        response = await ann.http.post(old["links"]["rotate"])
        new = response.json()
        assert (response.status_code, response.headers["location"]) == (201, new["links"]["self"])
        assert (new["name"], new["scopes"]) == (old["name"], old["scopes"])
        assert (await client.get(TODOS, headers=key(old))).status_code == 401
        assert (await client.get(TODOS, headers=key(new))).status_code == 200
        assert [item["id"] for item in (await ann.http.get(KEYS)).json()["items"]] == [new["id"]]

    async def test_it_ends_at_its_time_and_not_when_an_answer_does(
        self, client: httpx.AsyncClient, ann: Person, database: Database
    ) -> None:
        """The answers are kept for minutes; the key ends in a second and a half."""
        issued = await make_api_key(database, ann.user, lives=timedelta(days=1))
        await let_time_pass(database, issued.api_key.id, timedelta(days=1) - timedelta(seconds=1.5))
        ends = issued.api_key.created_at + timedelta(seconds=1.5)
        served_last, deadline = None, time.monotonic() + 20
        asked, response = datetime.now(UTC), await client.get(TODOS, headers=key_header(issued))
        while response.status_code == 200 and time.monotonic() < deadline:
            served_last = asked
            asked, response = datetime.now(UTC), await client.get(TODOS, headers=key_header(issued))
        assert response.json()["code"] == "API_KEY_ENDED"
        # By the clock of PostgreSQL, this machine's; for how long the key lives took some time on its way from there.
        assert served_last is not None
        assert served_last < ends + timedelta(seconds=0.3)
        assert datetime.now(UTC) >= ends
