"""The numbered list of todos in version 1, and what is counted over it."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.api.numbered_pages import MAXIMUM_NUMBER
from app.database.executor import Database
from tests.api.conftest import UNKEPT, Person
from tests.api.v1.conftest import assert_deprecated, refused, team_with

TODOS = "/api/v1/todos"


async def fill(person: Person, number: int, **values: Any) -> list[dict[str, Any]]:
    return [await person.create(TODOS, title=f"todo {n}", **values) for n in range(number)]


async def shown(person: Person, query: str) -> dict[str, Any]:
    response = await person.http.get(f"{TODOS}?{query}")
    assert response.status_code == 200, response.text
    page: dict[str, Any] = response.json()
    return page


async def titles(person: Person, query: str) -> set[str]:
    return {todo["title"] for todo in (await shown(person, query))["items"]}


class TestPages:
    async def test_the_envelope_says_where_the_page_lies(self, ann: Person) -> None:
        made = await fill(ann, 5)
        response = await ann.http.get(f"{TODOS}?page=2&page_size=2&completed=false")
        page = response.json()
        assert_deprecated(response)
        assert [todo["id"] for todo in page["items"]] == [made[2]["id"], made[1]["id"]]
        assert {name: page[name] for name in page if name not in {"items", "links"}} == {
            "total": 5,
            "page": 2,
            "page_size": 2,
            "total_pages": 3,
            "has_next": True,
            "has_previous": True,
        }
        assert page["links"] == {
            "self": f"{TODOS}?completed=false&page=2&page_size=2",
            "first": f"{TODOS}?completed=false&page=1&page_size=2",
            "previous": f"{TODOS}?completed=false&page=1&page_size=2",
            "next": f"{TODOS}?completed=false&page=3&page_size=2",
            "last": f"{TODOS}?completed=false&page=3&page_size=2",
        }

    async def test_twenty_to_a_page_from_the_first(self, ann: Person) -> None:
        await fill(ann, 21)
        page = await shown(ann, "")
        assert (len(page["items"]), page["page"], page["page_size"], page["total_pages"]) == (20, 1, 20, 2)
        assert (page["has_previous"], page["links"]["previous"]) == (False, None)

    async def test_the_links_walk_the_whole_list_newest_first(self, ann: Person) -> None:
        made = await fill(ann, 7, tags=["a & b", "c"])
        found, link = [], f"{TODOS}?page_size=3&tag=a%20%26%20b"
        while link:
            page = (await ann.http.get(link)).json()
            found += [todo["id"] for todo in page["items"]]
            link = page["links"]["next"]
        assert found == [todo["id"] for todo in reversed(made)]

    async def test_teams_share_the_pages(self, ann: Person, bob: Person) -> None:
        team_id = await team_with(ann, bob, "member")
        project = await ann.create("/api/v1/projects", name="Shared", team_id=team_id)
        made = []
        for n in range(6):
            owner = {"project_id": project["id"]} if n % 2 else {}
            made.append(await ann.create(TODOS, title=f"todo {n}", **owner))
        pages = [await shown(ann, f"page={number}&page_size=2") for number in (1, 2, 3)]
        assert [len(page["items"]) for page in pages] == [2, 2, 2]
        assert [todo["id"] for page in pages for todo in page["items"]] == [todo["id"] for todo in reversed(made)]
        assert (await shown(bob, ""))["total"] == 3

    async def test_an_empty_list_has_no_pages(self, ann: Person) -> None:
        page = await shown(ann, "")
        assert (page["items"], page["total"], page["total_pages"]) == ([], 0, 0)
        assert (page["has_next"], page["has_previous"], page["links"]["next"]) == (False, False, None)
        assert page["links"]["last"] == page["links"]["first"]

    async def test_a_page_past_the_end_is_empty_and_leads_back(self, ann: Person) -> None:
        await fill(ann, 3)
        page = await shown(ann, "page=9&page_size=2")
        assert (page["items"], page["total"], page["has_next"], page["has_previous"]) == ([], 3, False, True)
        assert page["links"]["previous"] == page["links"]["last"] == f"{TODOS}?page=2&page_size=2"

    async def test_the_deepest_page_is_shown_and_the_next_points_to_cursors(self, ann: Person) -> None:
        assert (await shown(ann, f"page={MAXIMUM_NUMBER}&page_size=100"))["items"] == []
        error = refused(await ann.http.get(f"{TODOS}?page={MAXIMUM_NUMBER + 1}"), 422, "VALIDATION_FAILED")
        assert error["fields"] == {
            "page": "Page numbers end at 500; the cursors of version 2 go on from there (Link: rel=successor-version)."
        }

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("page=0", "page"),
            ("page=-1", "page"),
            ("page=x", "page"),
            ("page=99999999999999999999", "page"),
            ("page_size=0", "page_size"),
            ("page_size=101", "page_size"),
            ("page=1&page=2", "page"),
            ("cursor=abc", "cursor"),
            ("limit=10", "limit"),
            ("status=done", "status"),
            ("completed=perhaps", "completed"),
            ("priority=3", "priority"),
            ("project_id=7", "project_id"),
            ("due_before=soon", "due_before"),
            ("tag=", "tag"),
            ("q=", "q"),
        ],
    )
    async def test_a_parameter_that_cannot_be_used_is_named(self, ann: Person, query: str, field: str) -> None:
        error = refused(await ann.http.get(f"{TODOS}?{query}"), 422, "VALIDATION_FAILED")
        assert list(error["fields"]) == [field]

    async def test_the_same_page_again_is_304(self, ann: Person) -> None:
        await fill(ann, 1)
        first = await ann.http.get(TODOS)
        again = await ann.http.get(TODOS, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        await fill(ann, 1)
        assert (await ann.http.get(TODOS, headers={"If-None-Match": first.headers["etag"]})).status_code == 200

    @pytest.mark.parametrize("query", ["", "?completed=false&tag=a&priority=low&due_before=2027-01-01&q=todo&page=2"])
    async def test_it_takes_two_statements(self, ann: Person, service_database: Database, query: str) -> None:
        await fill(ann, 3, tags=["a"], priority="low", due_date="2026-12-01")
        with service_database.observed() as statements:
            assert (await ann.http.get(TODOS + query, headers=UNKEPT)).status_code == 200
        assert [name for name in statements if name.startswith("todos.")] == ["todos.numbered", "todos.count"]


class TestFilters:
    async def test_completed_is_done_and_nothing_else(self, ann: Person) -> None:
        for status in ("open", "in_progress", "blocked", "done", "cancelled"):
            await ann.create("/api/v2/todos", title=status, status=status)
        assert await titles(ann, "completed=true") == {"done"}
        assert await titles(ann, "completed=false") == {"open", "in_progress", "blocked", "cancelled"}
        assert (await shown(ann, "completed=false&page_size=3"))["total"] == 4
        assert [todo["completed"] for todo in (await shown(ann, ""))["items"]] == [False, True, False, False, False]

    async def test_each_condition_narrows_and_all_combine(self, ann: Person) -> None:
        project = await ann.create("/api/v1/projects", name="x")
        await ann.create(TODOS, title="milk", priority="high", due_date="2026-12-01", tags=["Home"])
        await ann.create(TODOS, title="oat milk", priority="low", due_date="2026-12-02", project_id=project["id"])
        await ann.create(TODOS, title="bread", tags=["home", "x"])
        assert await titles(ann, "priority=high") == {"milk"}
        assert await titles(ann, f"project_id={project['id']}") == {"oat milk"}
        assert await titles(ann, "tag=HOME") == {"milk", "bread"}
        assert await titles(ann, "due_before=2026-12-02") == {"milk"}
        assert await titles(ann, "q=milk") == {"milk", "oat milk"}
        assert await titles(ann, "q=milk%20-oat&tag=home&priority=high") == {"milk"}
        assert await titles(ann, "q=milk&tag=x") == set()

    async def test_a_team_of_others_is_empty(self, ann: Person, bob: Person) -> None:
        todo = await ann.create(TODOS, title="mine")
        assert (await shown(ann, f"team_id={todo['team_id']}"))["total"] == 1
        assert (await shown(bob, f"team_id={todo['team_id']}"))["total"] == 0


class TestStats:
    async def test_what_is_not_done_is_pending(self, ann: Person) -> None:
        for status in ("open", "in_progress", "done", "done", "cancelled"):
            await ann.create("/api/v2/todos", title=status, status=status, due_date="2020-01-01", priority="low")
        response = await ann.http.get(f"{TODOS}/stats")
        assert_deprecated(response)
        assert response.json() == {
            "total": 5,
            "completed": 2,
            "pending": 3,
            "overdue": 2,
            "by_priority": {"none": 0, "low": 5, "medium": 0, "high": 0, "urgent": 0},
        }

    async def test_the_day_is_that_of_the_callers_time_zone(self, new_person: Any) -> None:
        west, east = "Pacific/Pago_Pago", "Pacific/Kiritimati"  # 25 hours apart: their dates differ at any time
        today_in_the_west = dt.datetime.now(ZoneInfo(west)).date().isoformat()
        for timezone, overdue in ((west, 0), (east, 1)):
            person = await new_person(timezone=timezone)
            await person.create(TODOS, title="x", due_date=today_in_the_west)
            assert (await person.http.get(f"{TODOS}/stats")).json()["overdue"] == overdue

    async def test_one_team_can_be_counted(self, ann: Person, bob: Person) -> None:
        team_id = await team_with(ann, bob, "viewer")
        project = await ann.create("/api/v1/projects", name="x", team_id=team_id)
        await ann.create(TODOS, title="x", project_id=project["id"])
        await ann.create(TODOS, title="y")
        assert (await ann.http.get(f"{TODOS}/stats")).json()["total"] == 2
        assert (await ann.http.get(f"{TODOS}/stats?team_id={team_id}")).json()["total"] == 1
        assert (await bob.http.get(f"{TODOS}/stats")).json()["total"] == 1

    async def test_it_takes_one_statement(self, ann: Person, service_database: Database) -> None:
        with service_database.observed() as statements:
            await ann.http.get(f"{TODOS}/stats", headers=UNKEPT)
        assert [name for name in statements if name.startswith("todos.")] == ["todos.stats"]
