"""What is read or written for many callers at once walks indexes: among 50,000 people with a team and a todo each."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from app.database.executor import Database, Transaction
from app.database.statements import Change
from app.domain.todos.creation_repository import _INSERT_MANY, _INSERT_TITLES, _UNSAID
from app.domain.todos.reading_repository import _GET_MANY
from app.domain.todos.todo import Todo
from tests.query_plans import Node, executed, nodes

PEOPLE = 50_000
_FILL = f"""
INSERT INTO users (id, email, email_key, name, name_key, password_hash)
SELECT id, id || '@x.org', id || '@x.org', 'n', 'n', '!' FROM generate_series(1, {PEOPLE}) n,
    LATERAL (SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid) made (id);
INSERT INTO teams (id, name, slug) SELECT id, 'team', 'team-' || id FROM users;
INSERT INTO team_memberships (team_id, user_id, role) SELECT id, id, 'owner' FROM users;
INSERT INTO todos (team_id, id, title) SELECT id, id, 'todo' FROM users;
ANALYZE users, teams, team_memberships, todos;
"""  # noqa: S608 - only a constant of this file is put in


def person(number: int) -> UUID:
    return UUID(f"00000000-0000-7000-8000-{number:012}")


@pytest.fixture(scope="module")
async def crowd(owned_database: Database) -> AsyncIterator[Transaction]:
    """The people, whom nobody else sees and who are never committed."""
    async with owned_database.transaction() as work:
        raw = work._connection.raw
        await raw.execute("SAVEPOINT empty; SET LOCAL statement_timeout = 0")
        await raw.execute(_FILL)
        yield work
        await raw.execute("ROLLBACK TO SAVEPOINT empty")


def rows_read(root: Node, table: str) -> int:
    """The rows of one table that were looked at, thrown away ones included."""
    return sum(
        int((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
        for node in nodes(root)
        if node.get("Relation Name") == table
    )


def indexes(root: Node) -> set[str]:
    return {node["Index Name"] for node in nodes(root) if "Index Name" in node}


class TestGetMany:
    @pytest.mark.parametrize("pairs", [1, 100])
    async def test_each_pair_is_looked_up_by_its_keys(self, crowd: Transaction, pairs: int) -> None:
        asked = [person(n * 7 + 1) for n in range(pairs)]
        root = await executed(crowd, _GET_MANY, caller_ids=asked, ids=asked)
        assert root["Actual Rows"] == pairs
        assert indexes(root) == {"ix_team_memberships_user_id_team_id", "pk_todos"}
        assert rows_read(root, "team_memberships") == pairs
        assert rows_read(root, "todos") == pairs


class TestInsertMany:
    @pytest.mark.parametrize("number", [2, 100])
    @pytest.mark.parametrize("statement", [_INSERT_TITLES, _INSERT_MANY])
    async def test_each_membership_is_looked_up_by_its_key(
        self, crowd: Transaction, number: int, statement: Change[Todo]
    ) -> None:
        callers = [person(n * 7 + 1) for n in range(number)]
        root = await executed(
            crowd,
            statement,
            id=[person(n + PEOPLE + 1) for n in range(number)],
            caller_id=callers,
            team_id=callers,
            title=["x"] * number,
            **{name: [value] * number for name, value in _UNSAID.items()},
        )
        assert root["Actual Rows"] == number
        assert {node["Node Type"] for node in nodes(root)}.isdisjoint({"Seq Scan", "Hash Join", "Merge Join"})
        # Once to see that the caller may write, and once to say as what.
        assert rows_read(root, "team_memberships") == 2 * number
