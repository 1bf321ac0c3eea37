"""What API keys are good for, and what they are not: in every worker, from the next request on."""

from datetime import datetime
from typing import Any

import httpx
import pytest

from app.database.executor import Database
from app.domain.identity import api_key_text
from app.domain.ids import ApiKeyId
from app.settings import Settings
from tests.api.conftest import NewPerson, Person, own_tag
from tests.api_key_factories import key_header, make_api_key
from tests.conftest import running

KEYS, TODOS, ME = "/api/v2/me/api-keys", "/api/v2/todos", "/api/v2/me"
SOME_ID = "0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a"
WANTED = {"name": "Nightly report", "scopes": ["todos:read"]}


def key(issued: dict[str, Any]) -> dict[str, str]:
    """The header that shows what a POST has made."""
    return {"Authorization": f"Bearer {issued['token']}"}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


class TestInEveryWorker:
    """Each has kept who the key stands for; Redis is what they have in common."""

    @pytest.fixture
    async def elsewhere(self, settings: Settings) -> Any:
        async with running(settings) as other:
            transport = httpx.ASGITransport(other.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=settings.http.base_url) as http:
                yield http

    async def test_revocation_rotation_and_deactivation_hold_on_the_next_request(
        self, client: httpx.AsyncClient, elsewhere: httpx.AsyncClient, ann: Person, new_person: NewPerson
    ) -> None:
        root = await new_person(roles=("admin",))
        revoked, rotated, deactivated = [await ann.create(KEYS, **WANTED) for _ in range(3)]

        async def answers(issued: dict[str, Any]) -> set[int]:
            return {(await http.get(TODOS, headers=key(issued))).status_code for http in (client, elsewhere) * 2}

        for issued in (revoked, rotated, deactivated):
            assert await answers(issued) == {200}
        await ann.http.delete(revoked["links"]["self"])
        assert (await answers(revoked), await answers(rotated)) == ({401}, {200})
        await ann.http.post(rotated["links"]["rotate"])
        assert (await answers(rotated), await answers(deactivated)) == ({401}, {200})
        await root.http.patch(f"/api/v2/users/{ann.user.id}", json={"is_active": False})
        assert await answers(deactivated) == {401}

    async def test_a_demotion_holds_on_the_next_request(
        self,
        client: httpx.AsyncClient,
        elsewhere: httpx.AsyncClient,
        new_person: NewPerson,
    ) -> None:
        root, other = await new_person(roles=("admin",)), await new_person(roles=("admin",))
        issued = await other.create(KEYS, name="x", scopes=["users:read"])
        for http in (client, elsewhere):
            assert (await http.get("/api/v2/users", headers=key(issued))).status_code == 200
        await root.http.patch(f"/api/v2/users/{other.user.id}", json={"roles": []})
        for http in (client, elsewhere):
            refused = await http.get("/api/v2/users", headers=key(issued))
            assert (refused.status_code, refused.json()["code"]) == (403, "ADMINISTRATORS_ONLY")
            assert (await http.get(f"/api/v2/users/{root.user.id}", headers=key(issued))).status_code == 404


class TestWhatItCannotDo:
    @pytest.fixture
    async def every_scope(self, database: Database, new_person: NewPerson) -> dict[str, str]:
        """A key of an administrator that can do whatever a key can."""
        root = await new_person(roles=("admin",))
        scopes = (await root.http.get("/api/v2/openapi.json")).json()["components"]["schemas"]["ApiKeyCreate"][
            "properties"
        ]["scopes"]["items"]["enum"]
        return key_header(await make_api_key(database, root.user, scopes))

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("POST", KEYS, WANTED),
            ("GET", KEYS, None),
            ("DELETE", f"{KEYS}/{SOME_ID}", None),
            ("POST", f"{KEYS}/{SOME_ID}/rotate", None),
            ("POST", "/api/v2/auth/logout", None),
            ("POST", "/api/v2/auth/logout-all", None),
            ("POST", "/api/v2/auth/password/change", {"current_password": "x", "new_password": "y"}),
            ("GET", "/api/v2/me/sessions", None),
            ("DELETE", f"/api/v2/me/sessions/{SOME_ID}", None),
            ("POST", "/api/v1/auth/logout-all", None),
        ],
    )
    async def test_nothing_about_what_proves_identity(
        self, client: httpx.AsyncClient, every_scope: dict[str, str], method: str, path: str, body: Any
    ) -> None:
        response = await client.request(method, path, json=body, headers=every_scope)
        assert response.status_code == 403
        code = response.json().get("code") or response.json()["error"]["code"]
        assert code == "INSUFFICIENT_SCOPE"
        assert response.headers["www-authenticate"] == (
            'Bearer realm="todo", error="insufficient_scope", scope="account"'
        )

    async def test_nor_decide_about_others(
        self, client: httpx.AsyncClient, every_scope: dict[str, str], ann: Person
    ) -> None:
        place = f"/api/v2/users/{ann.user.id}"
        for method, path in (("PATCH", place), ("DELETE", f"{place}/sessions"), ("DELETE", f"{place}/api-keys")):
            response = await client.request(method, path, headers=every_scope)
            assert (response.status_code, response.json()["code"]) == (403, "INSUFFICIENT_SCOPE")
        assert (await client.get(place, headers=every_scope)).status_code == 200
        assert (await ann.http.get(ME)).status_code == 200

    async def test_nor_become_a_session(self, client: httpx.AsyncClient, ann: Person, database: Database) -> None:
        issued = await make_api_key(database, ann.user)
        refused = await client.post("/api/v2/auth/refresh", json={"refresh_token": issued.token})
        assert (refused.status_code, refused.json()["code"]) == (401, "INVALID_REFRESH_TOKEN")
        body = {"email": ann.user.email, "password": issued.token}
        assert (await client.post("/api/v2/auth/login", json=body)).status_code == 401

    async def test_it_is_sent_in_the_header_and_nowhere_else(
        self, client: httpx.AsyncClient, ann: Person, database: Database
    ) -> None:
        token = (await make_api_key(database, ann.user)).token
        for attempt in (
            client.get(f"{TODOS}?access_token={token}"),
            client.get(TODOS, headers={"X-Api-Key": token}),
            client.get(TODOS, headers={"Cookie": f"access_token={token}"}),
            client.get(TODOS, headers={"Authorization": f"Basic {token}"}),
        ):
            assert (await attempt).status_code == 401


class TestMe:
    async def test_it_says_which_key_asks(self, client: httpx.AsyncClient, ann: Person, database: Database) -> None:
        first, second = [await make_api_key(database, ann.user, ["me:read"]) for _ in range(2)]
        for _ in range(2):
            for issued in (first, second):
                shown = (await client.get(ME, headers=key_header(issued))).json()
                assert shown["api_key"] == {
                    "id": str(issued.api_key.id),
                    "scopes": ["me:read"],
                    "links": {"self": f"{KEYS}/{issued.api_key.id}"},
                }
            assert "api_key" not in (await ann.http.get(ME)).json()

    async def test_each_is_under_a_tag_of_its_own_that_serves_a_change(
        self, client: httpx.AsyncClient, ann: Person, database: Database
    ) -> None:
        header = key_header(await make_api_key(database, ann.user, ["me:read", "me:write"]))
        tag = (await client.get(ME, headers=header)).headers["etag"]
        assert tag not in {(await ann.http.get(ME)).headers["etag"], own_tag(ann, 1)}
        for status in (200, 412):
            response = await client.patch(ME, json={"name": "Anna"}, headers={**header, "If-Match": tag})
            assert response.status_code == status

    async def test_version_1_knows_keys_and_does_not_speak_of_them(
        self, client: httpx.AsyncClient, ann: Person, database: Database
    ) -> None:
        header = key_header(await make_api_key(database, ann.user, ["me:read"]))
        shown = (await client.get("/api/v1/users/me", headers=header)).json()
        assert shown == (await ann.http.get("/api/v1/users/me")).json()
        refused = await client.get("/api/v1/todos", headers=header)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "INSUFFICIENT_SCOPE")


class TestDetours:
    async def test_expand_shows_nothing_that_the_key_may_not_ask_for(
        self, client: httpx.AsyncClient, ann: Person, database: Database
    ) -> None:
        project = await ann.create("/api/v2/projects", name="House")
        todo = await ann.create(TODOS, title="Paint", project_id=project["id"], tags=["home"])
        plain = key_header(await make_api_key(database, ann.user, ["todos:read"]))
        for name, scope in (("project", "projects:read"), ("tags", "tags:read"), ("assignee", "teams:read")):
            wider = key_header(await make_api_key(database, ann.user, ["todos:read", scope]))
            for path in (TODOS, f"{TODOS}/{todo['id']}"):
                for _ in range(2):
                    assert (await client.get(f"{path}?expand={name}", headers=wider)).status_code == 200
                    refused = await client.get(f"{path}?expand={name}", headers=plain)
                    assert (refused.status_code, refused.json()["code"]) == (403, "INSUFFICIENT_SCOPE")
                    assert f'scope="{scope}"' in refused.headers["www-authenticate"]


async def test_no_key_is_found_by_what_is_stored(client: httpx.AsyncClient, ann: Person, database: Database) -> None:
    """Whoever reads the table has hashes, which open nothing."""
    issued = await make_api_key(database, ann.user)
    stolen = api_key_text.fingerprint(issued.token).hex()
    for text in (stolen, f"todo_pat_{stolen}", str(ApiKeyId(issued.api_key.id))):
        response = await client.get(TODOS, headers={"Authorization": f"Bearer {text}"})
        assert (response.status_code, response.json()["code"]) == (401, "INVALID_TOKEN")
