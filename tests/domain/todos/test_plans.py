"""Every list walks an index: the plans of all offered orders and filters, on 50,000 todos."""

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from app.domain.todos.filter import SORTS
from app.domain.todos.list_repository import _page_query, _Shape
from app.domain.todos.tables import todos
from app.domain.todos.trash_repository import _PURGE
from tests.conftest import TEMPLATE, WORKER, Stack, recreate
from tests.query_plans import explained, nodes

TODOS = 50_000
TEAMS = 5
LIMIT = 51

_FILL = f"""
INSERT INTO users (id, email, email_key, name, name_key, password_hash)
SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, n || '@x.org', n || '@x.org', 'n', 'n', '!'
FROM generate_series(1, {TEAMS}) n;
INSERT INTO teams (id, name, slug) SELECT id, 'team', 'team-' || id FROM users;
INSERT INTO team_memberships (team_id, user_id, role) SELECT id, id, 'owner' FROM teams;
-- The first user sees two teams.
INSERT INTO team_memberships (team_id, user_id, role)
SELECT t.id, u.id, 'member' FROM teams t, users u WHERE u.email = '1@x.org' AND t.slug LIKE '%2';
INSERT INTO projects (team_id, id, user_id, name)
SELECT t.id, gen_random_uuid(), t.id, 'project ' || n FROM teams t, generate_series(1, 4) n;
INSERT INTO tags (team_id, id, name, key)
SELECT t.id, gen_random_uuid(), 'tag' || n, 'tag' || n FROM teams t, generate_series(0, 49) n;
INSERT INTO todos (team_id, id, project_id, title, status, priority, due_date, assignee_id, tags, position, created_by,
    created_at, updated_at, completed_at, deleted_at)
SELECT team.id, gen_random_uuid(),
    (SELECT p.id FROM projects p WHERE p.team_id = team.id ORDER BY p.name OFFSET n % 4 LIMIT 1),
    'todo ' || n || ' word' || n % 500,
    status.name, n % 5, CASE WHEN n % 3 > 0 THEN date '2026-01-01' + n % 700 END,
    CASE WHEN n % 10 = 0 THEN team.id END, ARRAY['tag' || n % 50], n, team.id,
    now() - n * interval '1 minute', now() - n * interval '1 minute',
    CASE WHEN status.name = 'done' THEN now() END, CASE WHEN n % 50 = 0 THEN now() - n * interval '1 second' END
FROM generate_series(1, {TODOS // TEAMS}) n, teams team,
    LATERAL (SELECT (ARRAY['open', 'in_progress', 'blocked', 'done', 'cancelled'])[1 + (n * 7) % 5] AS name) status;
ANALYZE;
"""  # noqa: S608 - only constants of this file are put in
_CALLER = "00000000-0000-7000-8000-000000000001"

Connection = Any  # asyncpg.Connection is generic for type checkers only.
WALKED = {index.name for index in todos.indexes}
MIDDLE = {
    "created_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    "updated_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    "due_date": dt.date(2026, 6, 1),
    "priority": 2,
    "position": 5000.0,
}
_VALUES = {
    "caller_id": _CALLER,
    "row_limit": LIMIT,
    "team_id": _CALLER,
    "assignee_id": _CALLER,
    "created_by": _CALLER,
    "parent_id": _CALLER,
    "statuses": ["open", "blocked"],
    "priorities": [4],
    "tags": ["tag3"],
    "q": "word77",
    "external_id": "e",
    "updated_since": dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
    "due_from": dt.date(2026, 2, 1),
    "due_before": dt.date(2026, 3, 1),
}


@pytest.fixture(scope="module")
async def filled(stack: Stack) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(await recreate(stack.admin_url, f"todo_{WORKER}_plans_test", template=TEMPLATE))
    await connection.execute(_FILL)
    await connection.execute("SET jit = off")
    # As a prepared statement that has been run for a while, without knowledge of the parameters.
    await connection.execute("SET plan_cache_mode = force_generic_plan")
    yield connection
    await connection.close()


async def plan_of(connection: Connection, shape: _Shape, **values: Any) -> dict[str, Any]:
    """The plan as it ran, with the rows of each node."""
    project = await connection.fetchval("SELECT id FROM projects WHERE team_id = $1 LIMIT 1", _CALLER)
    query = _page_query(shape)
    arguments = query.arguments({**_VALUES, "project_id": project, **values})
    return await explained(connection, query.sql, arguments, options="ANALYZE")


def scanned(plan: dict[str, Any]) -> int:
    """The rows of todos that were looked at, thrown away ones included."""
    return sum(
        int((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
        for node in nodes(plan)
        if node.get("Relation Name") == "todos"
    )


def indexes(plan: dict[str, Any]) -> set[str]:
    return {node["Index Name"] for node in nodes(plan) if "Index Name" in node}


def sorted_rows(plan: dict[str, Any]) -> int:
    """The rows that went into the largest sort."""
    sorts = [child for node in nodes(plan) if node["Node Type"] == "Sort" for child in node["Plans"]]
    return max((int(child["Actual Rows"] * child["Actual Loops"]) for child in sorts), default=0)


def assert_no_sequential_scan(plan: dict[str, Any]) -> None:
    assert not [n for n in nodes(plan) if n["Node Type"] == "Seq Scan" and n["Relation Name"] == "todos"]


class TestOrders:
    @pytest.mark.parametrize("from_position", [False, True])
    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("field", SORTS)
    async def test_each_order_walks_its_index_one_page_far(
        self, filled: Connection, field: str, *, descending: bool, from_position: bool
    ) -> None:
        conditions = ("project_id",) if field == "position" else ()
        shape = _Shape(conditions, field, descending, from_position)
        plan = await plan_of(filled, shape, position_value=MIDDLE[field], position_id=_CALLER)
        assert_no_sequential_scan(plan)
        assert len(indexes(plan) & WALKED) == 1
        assert scanned(plan) <= 2 * LIMIT  # Two teams, a page of each.
        assert sorted_rows(plan) <= 2 * LIMIT


class TestFilters:
    @pytest.mark.parametrize(
        ("conditions", "index", "most_scanned"),
        [
            (("team_id",), "ix_todos_created", LIMIT),
            (("project_id",), "ix_todos_project_created", 2 * LIMIT),
            (("assignee_id",), "ix_todos_assignee", 2 * LIMIT),
            (("created_by",), "ix_todos_created_by", 2 * LIMIT),
            (("statuses",), "ix_todos_status_created", 4 * LIMIT),
            (("updated_since",), "ix_todos_created", 2 * LIMIT),
            (("external_id",), "uq_todos_external_id", 2),
            (("parent_id",), "ix_todos_parent", 2),
            # A fifth of the todos has the priority: five are looked at for each that is shown.
            (("priorities",), "ix_todos_created", 6 * 2 * LIMIT),
            # The matches of the caller's teams are sorted, never the teams' whole sets.
            (("tags",), "ix_todos_tags", TODOS // 50),
            (("q",), "ix_todos_search", TODOS // 500 * 2),
        ],
    )
    async def test_each_filter_walks_an_index(
        self, filled: Connection, conditions: tuple[str, ...], index: str, most_scanned: int
    ) -> None:
        plan = await plan_of(filled, _Shape(conditions, "created_at", descending=True))
        assert_no_sequential_scan(plan)
        assert index in indexes(plan)
        assert scanned(plan) <= most_scanned

    async def test_the_days_walk_what_is_unfinished_by_due_date(self, filled: Connection) -> None:
        conditions = ("due_from", "due_before", "unfinished_and_due")
        plan = await plan_of(filled, _Shape(conditions, "due_date", descending=False))
        assert indexes(plan) & WALKED == {"idx_todo_due_date_completed"}
        assert scanned(plan) <= 2 * LIMIT

    async def test_the_trash_walks_the_trash_of_the_team(self, filled: Connection) -> None:
        plan = await plan_of(filled, _Shape(("trashed",), "deleted_at", descending=True))
        assert indexes(plan) & WALKED == {"ix_todos_trash"}
        assert scanned(plan) <= 2 * LIMIT

    async def test_status_and_priority_share_an_index(self, filled: Connection) -> None:
        plan = await plan_of(filled, _Shape(("statuses",), "priority", descending=True))
        assert indexes(plan) & WALKED == {"idx_todo_status_priority"}
        assert scanned(plan) <= 4 * LIMIT

    async def test_the_purge_walks_the_oldest_trash(self, filled: Connection) -> None:
        await filled.execute("UPDATE todos SET deleted_at = now() - interval '31 days' WHERE position = 500")
        plan = await explained(filled, _PURGE.sql, [100])
        assert "ix_todos_purge" in indexes(plan)
