"""The list of users in version 2."""

from itertools import chain
from uuid import uuid4

import httpx
import pytest

from app.database.executor import Database
from app.domain.users.user import User
from tests.api.conftest import NewPerson, Person
from tests.api_key_factories import key_header, make_api_key
from tests.factories import make_user

USERS = "/api/v2/users"


@pytest.fixture
async def administrator(new_person: NewPerson) -> Person:
    return await new_person(name="Root", roles=("admin",))


@pytest.fixture
async def family(database: Database) -> list[User]:
    """Five users whose names begin alike, as nobody else's do, newest first."""
    begin = uuid4().hex
    return [await make_user(database, name=f"{begin} {number}") for number in range(5)][::-1]


def begin_of(family: list[User]) -> str:
    return family[0].name[:32]


class TestList:
    async def test_it_is_for_administrators(self, ann: Person) -> None:
        response = await ann.http.get(USERS)
        assert (response.status_code, response.json()["code"]) == (403, "ADMINISTRATORS_ONLY")

    async def test_it_shows_the_newest_first(self, administrator: Person, ann: Person) -> None:
        first = (await administrator.http.get(f"{USERS}?limit=1")).json()["items"][0]
        assert first["id"] == str(ann.user.id)
        itself = f"{USERS}/{ann.user.id}"
        assert first["links"] == {"self": itself, "sessions": f"{itself}/sessions", "api_keys": f"{itself}/api-keys"}

    async def test_pages_lead_on_and_back(self, administrator: Person, family: list[User]) -> None:
        place: str | None = f"{USERS}?limit=2&q={begin_of(family)}"
        pages: list[httpx.Response] = []
        while place:
            pages.append(await administrator.http.get(place))
            place = pages[-1].links.get("next", {}).get("url")
        shown = [[item["id"] for item in page.json()["items"]] for page in pages]
        assert list(chain(*shown)) == [str(user.id) for user in family]
        back = await administrator.http.get(pages[-1].links["prev"]["url"])
        assert [item["id"] for item in back.json()["items"]] == shown[1]

    async def test_the_total_is_counted_on_request(self, administrator: Person, family: list[User]) -> None:
        place = f"{USERS}?limit=2&q={begin_of(family)}"
        assert "total" not in (await administrator.http.get(place)).json()["page"]
        response = await administrator.http.get(place, headers={"Prefer": "return=total-count"})
        assert response.json()["page"]["total"] == 5
        assert response.headers["preference-applied"] == "return=total-count"

    async def test_a_page_costs_one_statement_besides_the_look_at_the_session(
        self, administrator: Person, service_database: Database, family: list[User]
    ) -> None:
        with service_database.observed() as statements:
            await administrator.http.get(f"{USERS}?q={begin_of(family)}")
        assert statements == ["sessions.present", "users.page"]

    async def test_activity_is_a_filter(self, administrator: Person, family: list[User]) -> None:
        await administrator.http.patch(f"{USERS}/{family[0].id}", json={"is_active": False})
        for is_active, expected in (("false", family[:1]), ("true", family[1:])):
            response = await administrator.http.get(f"{USERS}?q={begin_of(family)}&is_active={is_active}")
            assert [item["id"] for item in response.json()["items"]] == [str(user.id) for user in expected]

    async def test_fields_makes_it_smaller(self, administrator: Person, family: list[User]) -> None:
        response = await administrator.http.get(f"{USERS}?limit=1&q={begin_of(family)}&fields=name")
        assert response.json()["items"] == [{"name": family[0].name}]

    @pytest.mark.parametrize(
        "query", ["limit=0", "limit=101", "is_active=perhaps", "q=", "sort=name", "fields=password_hash", "q=a&q=b"]
    )
    async def test_unusable_queries_are_refused(self, administrator: Person, query: str) -> None:
        assert (await administrator.http.get(f"{USERS}?{query}")).status_code == 422

    async def test_a_cursor_of_another_filter_is_refused(self, administrator: Person, family: list[User]) -> None:
        place = f"{USERS}?limit=2&q={begin_of(family)}"
        cursor = (await administrator.http.get(place)).json()["page"]["next_cursor"]
        response = await administrator.http.get(f"{USERS}?limit=2&cursor={cursor}")
        assert (response.status_code, response.json()["code"]) == (400, "CURSOR_MISMATCH")


class TestGet:
    async def test_what_they_can_come_in_with_is_counted_on_request(
        self, administrator: Person, ann: Person, database: Database
    ) -> None:
        await make_api_key(database, ann.user)
        place = f"{USERS}/{ann.user.id}"
        assert not {"session_count", "api_key_count"} & set((await administrator.http.get(place)).json())
        response = await administrator.http.get(f"{place}?expand=counts")
        assert (response.json()["session_count"], response.json()["api_key_count"]) == (1, 1)
        assert response.headers["etag"].startswith("W/")
        assert (await administrator.http.get(f"{place}?fields=api_key_count")).json() == {"api_key_count": 1}
        assert (await administrator.http.get(f"{USERS}?fields=api_key_count")).status_code == 422

    async def test_the_plain_user_is_under_a_strong_tag_that_serves_a_change(
        self, administrator: Person, ann: Person
    ) -> None:
        place = f"{USERS}/{ann.user.id}"
        tag = (await administrator.http.get(place)).headers["etag"]
        assert (await administrator.http.get(place, headers={"If-None-Match": tag})).status_code == 304
        for status in (200, 412):
            response = await administrator.http.patch(place, json={"roles": ["admin"]}, headers={"If-Match": tag})
            assert response.status_code == status

    async def test_deactivation_ends_the_keys_as_well_for_good(
        self, administrator: Person, ann: Person, database: Database, client: httpx.AsyncClient
    ) -> None:
        key = key_header(await make_api_key(database, ann.user))
        assert (await client.get("/api/v2/todos", headers=key)).status_code == 200
        for is_active in (False, True):
            await administrator.http.patch(f"{USERS}/{ann.user.id}", json={"is_active": is_active})
            refused = await client.get("/api/v2/todos", headers=key)
            assert (refused.status_code, refused.json()["code"]) == (401, "API_KEY_ENDED")
