"""Lists of todos in version 2: pages, orders, filters, counts."""

import datetime as dt
import random
from typing import Any

import pytest
import time_machine

from app.database.executor import Database
from tests.api.conftest import NewPerson, Person

TODOS = "/api/v2/todos"
SORTS = ["created_at", "updated_at", "due_date", "priority"]


async def every_page(person: Person, url: str) -> list[list[dict[str, Any]]]:
    """The items of all pages, following `next_cursor`."""
    pages, cursor = [], ""
    while True:
        response = await person.http.get(f"{url}{cursor}")
        assert response.status_code == 200, response.text
        pages.append(response.json()["items"])
        following = response.json()["page"]["next_cursor"]
        if following is None:
            return pages
        cursor = f"&cursor={following}"


async def fill(person: Person, number: int, **values: Any) -> list[dict[str, Any]]:
    """Todos with mixed due dates and priorities."""
    priorities = ["none", "low", "medium", "high", "urgent"]
    return [
        await person.create(
            TODOS,
            title=f"todo {n}",
            priority=priorities[n % 5],
            due_date=None if n % 3 == 0 else f"2026-12-{n % 9 + 1:02}",
            **values,
        )
        for n in range(number)
    ]


class TestPages:
    @pytest.mark.parametrize("sort", [*SORTS, *(f"-{sort}" for sort in SORTS)])
    async def test_a_walk_shows_each_todo_once_and_the_way_back_the_same(self, ann: Person, sort: str) -> None:
        made = await fill(ann, 17)
        forward = await every_page(ann, f"{TODOS}?limit=5&sort={sort}")
        assert [len(page) for page in forward] == [5, 5, 5, 2]
        flat = [todo["id"] for page in forward for todo in page]
        assert sorted(flat) == sorted(todo["id"] for todo in made)

        last = (await ann.http.get(f"{TODOS}?limit=5&sort={sort}")).json()
        while last["page"]["next_cursor"]:
            last = (await ann.http.get(f"{TODOS}?limit=5&sort={sort}&cursor={last['page']['next_cursor']}")).json()
        backward = [todo["id"] for todo in last["items"]]
        while last["page"]["prev_cursor"]:
            last = (await ann.http.get(f"{TODOS}?limit=5&sort={sort}&cursor={last['page']['prev_cursor']}")).json()
            assert last["page"]["has_more"]
            backward = [todo["id"] for todo in last["items"]] + backward
        assert backward == flat

    @pytest.mark.parametrize(("sort", "expected"), [("due_date", "ascending"), ("-due_date", "descending")])
    async def test_no_due_date_counts_as_the_end_of_time(self, ann: Person, sort: str, expected: str) -> None:
        await fill(ann, 7)
        dates = [todo["due_date"] or "9999" for todo in (await ann.http.get(f"{TODOS}?sort={sort}")).json()["items"]]
        assert dates == sorted(dates, reverse=expected == "descending")

    async def test_priority_sorts_by_weight_not_by_name(self, ann: Person) -> None:
        await fill(ann, 5)
        names = [todo["priority"] for todo in (await ann.http.get(f"{TODOS}?sort=-priority")).json()["items"]]
        assert names == ["urgent", "high", "medium", "low", "none"]

    async def test_what_others_do_meanwhile_neither_repeats_nor_skips(self, ann: Person) -> None:
        made = await fill(ann, 30)
        stable = {todo["id"] for todo in made[::2]}
        unstable = [todo["id"] for todo in made[1::2]]
        dice = random.Random(7)
        seen: list[str] = []
        cursor = ""
        while True:
            page = (await ann.http.get(f"{TODOS}?limit=4{cursor}")).json()
            seen += [todo["id"] for todo in page["items"]]
            if page["page"]["next_cursor"] is None:
                break
            cursor = f"&cursor={page['page']['next_cursor']}"
            await ann.create(TODOS, title="new")
            await ann.http.delete(f"{TODOS}/{unstable.pop(dice.randrange(len(unstable)))}")
        assert len(seen) == len(set(seen))
        assert stable <= set(seen)

    async def test_the_limit_may_change_between_pages(self, ann: Person) -> None:
        await fill(ann, 9)
        first = (await ann.http.get(f"{TODOS}?limit=2")).json()
        second = (await ann.http.get(f"{TODOS}?limit=7&cursor={first['page']['next_cursor']}")).json()
        assert len(second["items"]) == 7

    async def test_link_header_has_absolute_addresses_that_work(self, ann: Person) -> None:
        await fill(ann, 5)
        first = await ann.http.get(f"{TODOS}?limit=2&status=open,blocked")
        assert set(first.links) == {"first", "next"}
        second = await ann.http.get(first.links["next"]["url"])
        assert set(second.links) == {"first", "next", "prev"}
        assert second.links["next"]["url"].startswith("http://127.0.0.1:8000/api/v2/todos?")
        back = await ann.http.get(second.links["prev"]["url"])
        assert back.json()["items"] == first.json()["items"]

    @pytest.mark.parametrize(
        "change", ["sort=created_at", "status=done", "tag=x", "q=milk", "overdue=true", "due_before=2026-12-01"]
    )
    async def test_a_cursor_is_bound_to_its_sort_and_filters(self, ann: Person, change: str) -> None:
        await fill(ann, 3)
        cursor = (await ann.http.get(f"{TODOS}?limit=1")).json()["page"]["next_cursor"]
        response = await ann.http.get(f"{TODOS}?limit=1&cursor={cursor}&{change}")
        assert (response.status_code, response.json()["code"]) == (400, "CURSOR_MISMATCH")

    @pytest.mark.parametrize("cursor", ["abc", "A" * 900, "lQHE", "-_-_"])
    async def test_a_cursor_made_by_hand_is_refused(self, ann: Person, cursor: str) -> None:
        response = await ann.http.get(f"{TODOS}?cursor={cursor}")
        assert (response.status_code, response.json()["code"]) == (400, "CURSOR_MISMATCH")

    async def test_every_flipped_character_of_a_cursor_is_noticed(self, ann: Person) -> None:
        await fill(ann, 3)
        cursor: str = (await ann.http.get(f"{TODOS}?limit=1")).json()["page"]["next_cursor"]
        for index in range(0, len(cursor) - 1, 7):
            forged = cursor[:index] + ("A" if cursor[index] != "A" else "B") + cursor[index + 1 :]
            assert (await ann.http.get(f"{TODOS}?limit=1&cursor={forged}")).status_code == 400

    async def test_the_total_comes_only_on_request(self, ann: Person) -> None:
        await fill(ann, 3)
        without = await ann.http.get(f"{TODOS}?limit=1")
        with_total = await ann.http.get(f"{TODOS}?limit=1", headers={"Prefer": "return=total-count"})
        assert "total" not in without.json()["page"]
        assert with_total.json()["page"]["total"] == 3
        assert with_total.headers["preference-applied"] == "return=total-count"

    async def test_if_none_match_answers_304_until_something_changes(self, ann: Person) -> None:
        await fill(ann, 2)
        first = await ann.http.get(TODOS)
        assert first.headers["etag"].startswith('W/"')
        again = {"If-None-Match": first.headers["etag"]}
        assert (await ann.http.get(TODOS, headers=again)).status_code == 304
        await ann.create(TODOS, title="new")
        assert (await ann.http.get(TODOS, headers=again)).status_code == 200

    async def test_an_empty_list_is_one_empty_page(self, ann: Person) -> None:
        page = (await ann.http.get(f"{TODOS}?status=done")).json()
        assert page["items"] == []
        assert page["page"] == {"limit": 50, "next_cursor": None, "prev_cursor": None, "has_more": False}


class TestParameters:
    @pytest.mark.parametrize(
        ("query", "parameter"),
        [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=x", "limit"),
            ("limit=99999999999999999999", "limit"),
            ("sort=title", "sort"),
            ("sort=position", "sort"),
            ("status=open,later", "status"),
            ("status=", "status"),
            ("priority=3", "priority"),
            ("project_id=1", "project_id"),
            ("due_before=20261201", "due_before"),
            ("due_before=1767225600", "due_before"),
            ("updated_since=2026-01-01", "updated_since"),
            ("updated_since=0001-01-01T00:00:00%2B14:00", "updated_since"),
            ("q=a%00b", "q"),
            ("fields=id,password_hash", "fields"),
            ("expand=team", "expand"),
            ("bogus=1", "bogus"),
            ("limit=5&limit=6", "limit"),
        ],
    )
    async def test_a_fault_names_the_parameter(self, ann: Person, query: str, parameter: str) -> None:
        response = await ann.http.get(f"{TODOS}?{query}")
        assert response.status_code == 422, response.text
        assert parameter in {error["parameter"] for error in response.json()["errors"]}

    async def test_a_limit_above_the_maximum_is_never_clamped_and_names_it(self, ann: Person) -> None:
        assert "100" in (await ann.http.get(f"{TODOS}?limit=101")).json()["errors"][0]["detail"]

    @pytest.mark.parametrize("query", ["q=%ff", "%ff=1", "q=%c3%28"])
    async def test_a_query_that_is_not_utf8_is_400(self, ann: Person, query: str) -> None:
        assert (await ann.http.get(f"{TODOS}?{query}")).status_code == 400


class TestFilters:
    async def test_several_statuses_are_alternatives_and_keep_the_order(self, ann: Person) -> None:
        for n in range(12):
            await ann.create(TODOS, title=str(n), status=["open", "done", "blocked"][n % 3])
        pages = await every_page(ann, f"{TODOS}?limit=3&status=open,blocked,open")
        assert [todo["title"] for page in pages for todo in page] == ["11", "9", "8", "6", "5", "3", "2", "0"]

    async def test_tags_match_whatever_their_case(self, ann: Person) -> None:
        await ann.create(TODOS, title="a", tags=["Home"])
        await ann.create(TODOS, title="b", tags=["work"])
        await ann.create(TODOS, title="c")
        found = (await ann.http.get(f"{TODOS}?tag=HOME,Work&sort=created_at")).json()["items"]
        assert [todo["title"] for todo in found] == ["a", "b"]
        assert (await ann.http.get(f"{TODOS}?tag=nowhere")).json()["items"] == []

    @pytest.mark.parametrize(
        ("query", "titles"),
        [
            ("milk", ["Buy milk", "Oat milk"]),
            ("milk -oat", ["Buy milk"]),
            ('"buy milk"', ["Buy milk"]),
            ("bread or oat", ["Bake bread", "Oat milk"]),
            ("rye", ["Bake bread"]),
            ("& | ! ( :*", []),
            ("'; DROP TABLE todos; --", []),
        ],
    )
    async def test_q_searches_title_and_description(self, ann: Person, query: str, titles: list[str]) -> None:
        await ann.create(TODOS, title="Buy milk")
        await ann.create(TODOS, title="Oat milk")
        await ann.create(TODOS, title="Bake bread", description="with rye")
        found = await ann.http.get(TODOS, params={"q": query})
        assert sorted(todo["title"] for todo in found.json()["items"]) == titles

    async def test_dates_people_and_names_narrow(self, ann: Person) -> None:
        made = await ann.create(TODOS, title="a", due_date="2026-12-05", assignee_id=str(ann.user.id), external_id="e1")
        await ann.create(TODOS, title="b", parent_id=made["id"])
        for query, titles in {
            "due_after=2026-12-04&due_before=2026-12-06": ["a"],
            "due_after=2026-12-05": [],
            "due_before=2026-12-05": [],
            f"assignee_id={ann.user.id}": ["a"],
            f"created_by={ann.user.id}": ["b", "a"],
            f"parent_id={made['id']}": ["b"],
            "external_id=e1": ["a"],
            f"updated_since={made['created_at']}": ["b", "a"],
            "updated_since=2999-01-01T00:00:00Z": [],
            f"team_id={made['team_id']}": ["b", "a"],
            f"team_id={made['id']}": [],
        }.items():
            found = (await ann.http.get(f"{TODOS}?{query}")).json()["items"]
            assert [todo["title"] for todo in found] == titles, query

    async def test_others_todos_are_in_no_list(self, ann: Person, bob: Person) -> None:
        todo = await ann.create(TODOS, title="secret", tags=["x"], due_date="2020-01-01")
        await ann.http.delete(f"{TODOS}/{(await ann.create(TODOS, title='trashed'))['id']}")
        for path in (
            "",
            "/today",
            "/upcoming",
            "/overdue",
            "/trash",
            f"?team_id={todo['team_id']}",
            "?q=secret",
            "?tag=x",
        ):
            assert (await bob.http.get(f"{TODOS}{path}")).json()["items"] == [], path
        assert (await bob.http.get(f"{TODOS}/stats?team_id={todo['team_id']}")).json()["total"] == 0


class TestDays:
    @pytest.mark.parametrize(
        ("timezone", "today"), [("Pacific/Kiritimati", "2026-06-02"), ("Pacific/Niue", "2026-05-31")]
    )
    async def test_the_day_is_the_one_of_the_callers_time_zone(
        self, new_person: NewPerson, timezone: str, today: str
    ) -> None:
        person = await new_person(timezone=timezone)
        day = dt.date.fromisoformat(today)
        for offset in range(-1, 10):
            await person.create(TODOS, title=f"{offset}", due_date=str(day + dt.timedelta(days=offset)))
        await person.create(TODOS, title="done", due_date=today, status="done")
        await person.create(TODOS, title="cancelled", due_date=str(day - dt.timedelta(days=1)), status="cancelled")
        with time_machine.travel(dt.datetime(2026, 6, 1, 10, 30, tzinfo=dt.UTC), tick=True):
            shown = {
                name: [todo["title"] for todo in (await person.http.get(f"{TODOS}/{name}")).json()["items"]]
                for name in ("overdue", "today", "upcoming")
            }
            overdue = (await person.http.get(f"{TODOS}?overdue=true")).json()["items"]
            stats = (await person.http.get(f"{TODOS}/stats")).json()
        assert shown == {"overdue": ["-1"], "today": ["0"], "upcoming": ["1", "2", "3", "4", "5", "6", "7"]}
        assert [todo["title"] for todo in overdue] == ["-1"]
        assert (stats["due_today"], stats["overdue"], stats["done"], stats["total"]) == (1, 1, 1, 13)


class TestStatements:
    """What lists cost: one statement a page, whatever they show."""

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("", ["todos.page"]),
            ("?status=open&tag=a&q=todo&sort=-priority", ["todos.page"]),
            ("?expand=project,assignee,tags", ["todos.page", "todos.expand_assignees", "todos.expand_tags"]),
            ("/today", ["todos.page"]),
            ("/stats", ["todos.stats"]),
        ],
    )
    async def test_a_list_runs_these_statements(
        self, ann: Person, service_database: Database, query: str, expected: list[str]
    ) -> None:
        await fill(ann, 5, tags=["a"], assignee_id=str(ann.user.id))
        with service_database.observed() as statements:
            assert (await ann.http.get(f"{TODOS}{query}")).status_code == 200
        assert [name for name in statements if name != "sessions.present"] == expected
