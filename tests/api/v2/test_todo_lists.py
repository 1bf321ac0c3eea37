"""Lists of todos in version 2: parameters, filters, days, and what they cost."""

import datetime as dt

import pytest
import time_machine

from app.database.executor import Database
from tests.api.conftest import UNKEPT, NewPerson, Person
from tests.api.v2.todos_made import TODOS, every_page, fill


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
            assert (await ann.http.get(f"{TODOS}{query}", headers=UNKEPT)).status_code == 200
        assert [name for name in statements if name != "sessions.present"] == expected
