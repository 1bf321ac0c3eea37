"""Tags in version 1: a numbered list, and the same routes as in version 2 for one at a time."""

import pytest

from app.database.executor import Database
from tests.api.conftest import Person
from tests.api.v1.conftest import assert_deprecated, refused, team_with

TAGS = "/api/v1/tags"


class TestList:
    async def test_the_pages_show_each_tag_once_by_name(self, ann: Person, bob: Person) -> None:
        team_id = await team_with(ann, bob, "member")
        for n, name in enumerate(("e", "B", "d", "a", "C")):
            await ann.create(TAGS, name=name, team_id=team_id if n % 2 else None)
        pages = [(await ann.http.get(f"{TAGS}?page={number}&page_size=2")).json() for number in (1, 2, 3)]
        assert [[tag["name"] for tag in page["items"]] for page in pages] == [["a", "B"], ["C", "d"], ["e"]]
        assert (pages[0]["total"], pages[2]["has_next"], pages[2]["has_previous"]) == (5, False, True)
        assert [tag["name"] for tag in (await bob.http.get(TAGS)).json()["items"]] == ["a", "B"]
        assert (await ann.http.get(f"{TAGS}?team_id={team_id}")).json()["total"] == 2

    async def test_each_item_is_the_tag_itself(self, ann: Person) -> None:
        tag = await ann.create(TAGS, name="home")
        assert (await ann.http.get(TAGS)).json()["items"] == [tag]

    @pytest.mark.parametrize("query", ["cursor=x", "sort=name", "expand=todo_count", "page=0", "page_size=101"])
    async def test_a_parameter_that_cannot_be_used_is_named(self, ann: Person, query: str) -> None:
        error = refused(await ann.http.get(f"{TAGS}?{query}"), 422, "VALIDATION_FAILED")
        assert list(error["fields"]) == [query.partition("=")[0]]

    async def test_it_takes_two_statements(self, ann: Person, service_database: Database) -> None:
        with service_database.observed() as statements:
            assert_deprecated(await ann.http.get(TAGS))
        assert statements == ["sessions.present", "tags.numbered", "tags.count"]


class TestOne:
    async def test_its_links_stay_in_version_1_where_that_has_what_they_lead_to(self, ann: Person) -> None:
        await ann.create("/api/v1/todos", title="x", tags=["Tom & Jerry"])
        tag = (await ann.http.get(TAGS)).json()["items"][0]
        itself = f"{TAGS}/{tag['id']}"
        assert tag["links"] == {
            "self": itself,
            "team": f"/api/v2/teams/{tag['team_id']}",
            "todos": f"/api/v1/todos?team_id={tag['team_id']}&tag=Tom+%26+Jerry",
            "merge": f"{itself}/merge",
        }
        assert (await ann.http.get(tag["links"]["todos"])).json()["total"] == 1
        assert (await ann.http.get(tag["links"]["self"])).json() == tag

    async def test_a_new_one_says_where_it_is(self, ann: Person) -> None:
        response = await ann.http.post(TAGS, json={"name": "home"})
        assert response.status_code == 201
        assert response.headers["location"] == f"{TAGS}/{response.json()['id']}"
        refused(await ann.http.post(TAGS, json={"name": "HOME"}), 409, "TAG_EXISTS")

    async def test_a_new_name_shows_in_the_todos(self, ann: Person) -> None:
        todo = await ann.create("/api/v1/todos", title="x", tags=["hom", "garden"])
        tags = {tag["name"]: f"{TAGS}/{tag['id']}" for tag in (await ann.http.get(TAGS)).json()["items"]}
        assert (await ann.http.patch(tags["hom"], json={"name": "home"})).json()["version"] == 2
        changed = (await ann.http.get(f"/api/v1/todos/{todo['id']}")).json()
        assert (changed["tags"], changed["version"]) == (["home", "garden"], 2)
        into = tags["garden"].removeprefix(f"{TAGS}/")
        assert (await ann.http.post(f"{tags['hom']}/merge", json={"into": into})).json()["name"] == "garden"
        assert (await ann.http.delete(tags["garden"])).status_code == 204
        assert (await ann.http.get(f"/api/v1/todos/{todo['id']}")).json()["tags"] == []
        refused(await ann.http.get(tags["garden"]), 404, "NOT_FOUND")

    async def test_viewers_cannot_write_and_others_see_nothing(self, ann: Person, bob: Person) -> None:
        shared = await ann.create(TAGS, name="x", team_id=await team_with(ann, bob, "viewer"))
        hidden = await ann.create(TAGS, name="x")
        for tag, status, code in ((shared, 403, "ROLE_TOO_LOW"), (hidden, 404, "NOT_FOUND")):
            url = f"{TAGS}/{tag['id']}"
            assert (await bob.http.get(url)).status_code == (200 if status == 403 else 404)
            refused(await bob.http.patch(url, json={"name": "y"}), status, code)
            refused(await bob.http.delete(url), status, code)
            refused(await bob.http.post(f"{url}/merge", json={"into": tag["id"]}), status, code)
