"""Accounts, logins and users in version 1: the routes of version 2, and a numbered list."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.database.executor import Database
from tests.api.conftest import Person, own_tag
from tests.api.v1.conftest import assert_deprecated, refused
from tests.domain.identity.mailing import mailed
from tests.messages import Outbox

AUTH, USERS, ME = "/api/v1/auth", "/api/v1/users", "/api/v1/users/me"


class TestAuth:
    """One walk; `test_auth` has the outcomes, for both versions."""

    async def test_from_registration_to_logout(self, client: httpx.AsyncClient, outbox: Outbox) -> None:
        email = f"{uuid4().hex}@example.com"
        body = {"email": email, "name": "Ann", "password": "four unrelated words here"}
        registered = await client.post(f"{AUTH}/register", json=body)
        assert registered.status_code == 202
        assert_deprecated(registered)
        confirmation = {"token": await mailed(outbox, email), "password": body["password"]}
        confirmed = await client.post(f"{AUTH}/email/verify", json=confirmation)
        assert confirmed.status_code == 201
        assert_deprecated(confirmed)
        assert confirmed.headers["location"] == ME == confirmed.json()["links"]["self"]
        refused(await client.post(f"{AUTH}/email/verify", json=confirmation), 401, "INVALID_MAIL_TOKEN")

        login = await client.post(f"{AUTH}/login", json={"email": email, "password": body["password"]})
        tokens = login.json()
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        assert (await client.get(ME, headers=headers)).json()["email"] == email
        assert (await client.get("/api/v2/me", headers=headers)).json()["email"] == email

        refreshed = await client.post(f"{AUTH}/refresh", json={"refresh_token": tokens["refresh_token"]})
        headers = {"Authorization": f"Bearer {refreshed.json()['access_token']}"}
        assert (await client.post(f"{AUTH}/logout", headers=headers)).status_code == 204
        refused(await client.get(ME, headers=headers), 401, "SESSION_ENDED")
        refused(await client.get("/api/v1/todos", headers=headers), 401, "SESSION_ENDED")

    async def test_refusals_have_the_older_envelope(self, client: httpx.AsyncClient, ann: Person) -> None:
        wrong = await client.post(f"{AUTH}/login", json={"email": ann.user.email, "password": "not my password"})
        refused(wrong, 401, "INVALID_CREDENTIALS")
        assert wrong.headers["www-authenticate"].startswith("Bearer ")
        refused(await client.post(f"{AUTH}/logout"), 401, "NOT_AUTHENTICATED")
        weak = {"email": "nobody", "name": "", "password": "short"}
        error = refused(await client.post(f"{AUTH}/register", json=weak), 422, "VALIDATION_FAILED")
        assert set(error["fields"]) == {"email", "name", "password"}


class TestMe:
    async def test_it_shows_and_changes_the_callers_own_account(self, ann: Person) -> None:
        response = await ann.http.get(ME)
        account = response.json()
        assert_deprecated(response)
        assert (account["id"], account["name"], response.headers["etag"]) == (str(ann.user.id), "Ann", own_tag(ann, 1))
        changed = await ann.http.patch(ME, json={"name": "Ann B.", "timezone": "Europe/Berlin"})
        assert (changed.json()["name"], changed.json()["version"]) == ("Ann B.", 2)
        stale = await ann.http.patch(ME, json={"name": "x"}, headers={"If-Match": own_tag(ann, 1)})
        refused(stale, 412, "PRECONDITION_FAILED")
        error = refused(await ann.http.patch(ME, json={"timezone": "Mars"}), 422, "VALIDATION_FAILED")
        assert list(error["fields"]) == ["timezone"]

    async def test_its_links_stay_in_version_1_where_that_has_what_they_lead_to(self, ann: Person) -> None:
        links = (await ann.http.get(ME)).json()["links"]
        assert links["self"] == ME
        assert links["todos"] == "/api/v1/todos"
        assert (links["teams"], links["sessions"]) == ("/api/v2/teams", "/api/v2/me/sessions")
        for link in ("self", "todos", "teams", "sessions"):
            assert (await ann.http.get(links[link])).status_code == 200


class TestUsers:
    async def test_administrators_page_through_all_users_newest_first(self, new_person: Any) -> None:
        admin = await new_person(name="Zoe", roles=("admin",))
        names = [f"Unmistakable {n}" for n in range(3)]
        for name in names:
            await new_person(name=name)
        pages = [
            (await admin.http.get(f"{USERS}?q=unmistakable&is_active=true&page={number}&page_size=2")).json()
            for number in (1, 2)
        ]
        assert [user["name"] for page in pages for user in page["items"]] == list(reversed(names))
        assert (pages[0]["total"], pages[0]["total_pages"], pages[1]["has_next"]) == (3, 2, False)
        first = pages[0]["items"][0]
        assert first["links"] == {"self": f"{USERS}/{first['id']}"}
        assert (await admin.http.get(first["links"]["self"])).json() == first

    async def test_others_see_only_themselves(self, ann: Person, bob: Person) -> None:
        refused(await ann.http.get(USERS), 403, "ADMINISTRATORS_ONLY")
        refused(await ann.http.get(f"{USERS}/{bob.user.id}"), 404, "NOT_FOUND")
        refused(await ann.http.patch(f"{USERS}/{bob.user.id}", json={"is_active": False}), 404, "NOT_FOUND")
        refused(await ann.http.patch(f"{USERS}/{ann.user.id}", json={"roles": ["admin"]}), 403, "ADMINISTRATORS_ONLY")
        itself = (await ann.http.get(f"{USERS}/{ann.user.id}")).json()
        assert itself["links"] == {"self": f"{USERS}/{ann.user.id}", "me": ME}

    async def test_who_is_let_out_is_out_at_once(self, new_person: Any, bob: Person) -> None:
        admin = await new_person(roles=("admin",))
        out = await admin.http.patch(f"{USERS}/{bob.user.id}", json={"is_active": False})
        assert (out.status_code, out.json()["is_active"]) == (200, False)
        refused(await bob.http.get(ME), 401, "SESSION_ENDED")

    @pytest.mark.parametrize("query", ["cursor=x", "fields=id", "page=0", "page_size=101", "is_active=perhaps"])
    async def test_a_parameter_that_cannot_be_used_is_named(self, new_person: Any, query: str) -> None:
        admin = await new_person(roles=("admin",))
        error = refused(await admin.http.get(f"{USERS}?{query}"), 422, "VALIDATION_FAILED")
        assert list(error["fields"]) == [query.partition("=")[0]]

    async def test_it_takes_two_statements(self, new_person: Any, service_database: Database) -> None:
        admin = await new_person(roles=("admin",))
        with service_database.observed() as statements:
            assert (await admin.http.get(USERS)).status_code == 200
        assert statements == ["sessions.present", "users.numbered", "users.count"]
