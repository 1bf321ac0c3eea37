"""Exports over the interface: asking, looking, fetching."""

import io
import json
import zipfile
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from app.database.executor import Database
from app.domain.exports import building
from app.domain.exports.export import ATTEMPTS_MAXIMUM
from app.field_encryption import FieldCipher
from tests.api.conftest import NewPerson, Person
from tests.api_key_factories import key_header, make_api_key
from tests.conftest import Running
from tests.domain.exports.archives import KEPT
from tests.factories import PASSWORD

EXPORT, EXPORTS, TODOS = "/api/v2/me/export", "/api/v2/me/exports", "/api/v2/todos"


@pytest.fixture(autouse=True)
async def rows(database_url: str) -> Any:
    """A connection past the service; no export waits."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("DELETE FROM exports")
    yield connection
    await connection.close()


async def build(database: Database, cipher: FieldCipher) -> None:
    assert await building.build_due(database, cipher, kept=KEPT) == 1


async def ready(database: Database, cipher: FieldCipher, person: Person) -> dict[str, Any]:
    """An export of this person, whose archive can be fetched."""
    asked = await person.http.post(EXPORT)
    assert asked.status_code == 202, asked.text
    await build(database, cipher)
    shown: dict[str, Any] = (await person.http.get(asked.headers["location"])).json()
    return shown


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


class TestTheWholeWay:
    async def test_it_is_asked_for_and_built_and_fetched(
        self, database: Database, cipher: FieldCipher, ann: Person, bob: Person
    ) -> None:
        todo = await ann.create(TODOS, title="Paint the fence")
        await bob.create(TODOS, title="canary")
        asked = await ann.http.post(EXPORT)
        shown = asked.json()
        assert (asked.status_code, asked.headers["location"]) == (202, shown["links"]["self"])
        assert asked.headers["cache-control"] == "no-store"
        assert (shown["status"], shown["size_bytes"], shown["links"]["archive"]) == ("queued", None, None)
        assert (await ann.http.post(EXPORT)).json() == shown, "the same again while it is under way"
        await build(database, cipher)
        found = (await ann.http.get(asked.headers["location"])).json()
        assert found["status"] == "ready"
        assert found["created_at"] <= found["ready_at"] < found["expires_at"]
        sent = await ann.http.get(found["links"]["archive"])
        assert (sent.status_code, sent.headers["content-type"]) == (200, "application/zip")
        assert sent.headers["cache-control"] == "no-store"
        assert sent.headers["content-disposition"].startswith('attachment; filename="todo-export-')
        assert int(sent.headers["content-length"]) == len(sent.content) == found["size_bytes"]
        assert "content-encoding" not in sent.headers
        with zipfile.ZipFile(io.BytesIO(sent.content)) as archive:
            lines = [json.loads(line) for line in archive.read("todos.jsonl").splitlines()]
            assert [line["id"] for line in lines] == [todo["id"]]
            assert not [name for name in archive.namelist() if b"canary" in archive.read(name)]

    async def test_a_head_says_what_a_get_says(self, database: Database, cipher: FieldCipher, ann: Person) -> None:
        shown = await ready(database, cipher, ann)
        head = await ann.http.head(shown["links"]["archive"])
        assert (head.status_code, head.content) == (200, b"")
        assert int(head.headers["content-length"]) == shown["size_bytes"]

    async def test_the_list_shows_them_newest_first(
        self, database: Database, cipher: FieldCipher, ann: Person, bob: Person
    ) -> None:
        await ready(database, cipher, bob)
        made = [(await ready(database, cipher, ann))["id"] for _ in range(3)]
        seen, place = [], f"{EXPORTS}?limit=2"
        while place:
            response = await ann.http.get(place, headers={"Prefer": "return=total-count"})
            assert response.json()["page"]["total"] == 3
            seen += [item["id"] for item in response.json()["items"]]
            place = response.links.get("next", {}).get("url", "")
        assert seen == made[::-1]

    async def test_who_has_it_already_is_told_so(self, database: Database, cipher: FieldCipher, ann: Person) -> None:
        shown = await ready(database, cipher, ann)
        for place in (EXPORTS, shown["links"]["self"]):
            etag = (await ann.http.get(place)).headers["etag"]
            assert (await ann.http.get(place, headers={"If-None-Match": etag})).status_code == 304


class TestRefusals:
    async def test_what_is_not_ready_is_409_and_what_was_410(
        self, database: Database, cipher: FieldCipher, ann: Person, rows: Any
    ) -> None:
        asked = await ann.http.post(EXPORT)
        place = asked.headers["location"]
        assert code(await ann.http.get(f"{place}/archive")) == (409, "EXPORT_NOT_READY")
        await build(database, cipher)
        await rows.execute("UPDATE exports SET expires_at = now()")
        assert (await ann.http.get(place)).json()["status"] == "expired"
        assert code(await ann.http.get(f"{place}/archive")) == (410, "EXPORT_EXPIRED")
        failed = (await ann.http.post(EXPORT)).headers["location"]
        await rows.execute("UPDATE exports SET attempts = $1 WHERE finished_at IS NULL", ATTEMPTS_MAXIMUM)
        await build(database, cipher)
        assert (await ann.http.get(failed)).json()["status"] == "failed"
        assert code(await ann.http.get(f"{failed}/archive")) == (409, "EXPORT_FAILED")

    async def test_that_of_others_is_the_same_as_none(
        self, database: Database, cipher: FieldCipher, ann: Person, bob: Person
    ) -> None:
        shown = await ready(database, cipher, ann)
        for ending in ("", "/archive"):
            bodies = []
            for export_id in (shown["id"], str(uuid4())):
                response = await bob.http.get(
                    f"{EXPORTS}/{export_id}{ending}", headers={"X-Request-Id": "the-same-for-both"}
                )
                assert response.status_code == 404
                bodies.append((response.text.replace(export_id, ""), response.headers["content-type"]))
            assert bodies[0] == bodies[1]

    async def test_both_take_fresh_proof(self, database: Database, cipher: FieldCipher, ann: Person, rows: Any) -> None:
        shown = await ready(database, cipher, ann)
        await rows.execute("UPDATE sessions SET fresh_until = NULL WHERE user_id = $1", ann.user.id)
        for response in (await ann.http.post(EXPORT), await ann.http.get(shown["links"]["archive"])):
            assert code(response) == (401, "STEP_UP_REQUIRED")
            assert "insufficient_user_authentication" in response.headers["www-authenticate"]
        assert (await ann.http.get(shown["links"]["self"])).status_code == 200
        await ann.http.post("/api/v2/auth/step-up", json={"password": PASSWORD})
        assert (await ann.http.get(shown["links"]["archive"])).status_code == 200

    async def test_no_api_key_gets_any_of_it(
        self, database: Database, cipher: FieldCipher, client: httpx.AsyncClient, ann: Person
    ) -> None:
        shown = await ready(database, cipher, ann)
        header = key_header(await make_api_key(database, ann.user, ["me:read", "me:write"]))
        for method, place in (
            ("POST", EXPORT),
            ("GET", EXPORTS),
            ("GET", shown["links"]["self"]),
            ("GET", shown["links"]["archive"]),
        ):
            assert code(await client.request(method, place, headers=header)) == (403, "INSUFFICIENT_SCOPE")

    async def test_the_sixth_of_a_day_says_when_to_come_back(
        self, database: Database, cipher: FieldCipher, ann: Person
    ) -> None:
        for _ in range(5):
            await ready(database, cipher, ann)
        response = await ann.http.post(EXPORT)
        assert code(response) == (429, "TOO_MANY_EXPORTS")
        assert 86_000 < int(response.headers["retry-after"]) <= 86_400

    async def test_who_takes_no_zip_gets_none(self, database: Database, cipher: FieldCipher, ann: Person) -> None:
        place = (await ready(database, cipher, ann))["links"]["archive"]
        for accept, status in (
            ("application/json", 406),
            ("text/*, application/zip;q=0", 406),
            ("application/zip", 200),
            ("application/*", 200),
            ("text/html, */*;q=0.1", 200),
        ):
            assert (await ann.http.get(place, headers={"Accept": accept})).status_code == status, accept

    async def test_somebody_who_was_let_out_gets_nothing(
        self, database: Database, cipher: FieldCipher, new_person: NewPerson, service: Running
    ) -> None:
        ann, boss = await new_person(name="Ann"), await new_person(roles=("admin",))
        shown = await ready(database, cipher, ann)
        let_out = await boss.http.patch(f"/api/v2/users/{ann.user.id}", json={"is_active": False})
        assert let_out.status_code == 200, let_out.text
        for place in (EXPORTS, shown["links"]["self"], shown["links"]["archive"]):
            assert (await ann.http.get(place)).status_code == 401
