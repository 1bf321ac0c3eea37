"""The lists of users walk their indexes: their plans among 50,000 users."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from app.database.executor import Database, Transaction
from app.database.newest_first import Walk
from app.domain.users.repository import _page_statement, _Shape
from tests.query_plans import nodes, plan, scans, sorted_before_limit

_FILL = """
INSERT INTO users (id, email, email_key, name, name_key, password_hash, is_active, created_at)
SELECT gen_random_uuid(), address, address, name, name, '!', n % 50 > 0, now() - n * interval '1 minute'
FROM generate_series(1, 50000) n, LATERAL (SELECT md5(n::text) || '@x.org', md5((n * 7)::text)) made (address, name);
ANALYZE users;
"""
_HERE: dict[str, Any] = {"value": datetime(2026, 11, 1, tzinfo=UTC), "id": UUID(int=0)}


@pytest.fixture(scope="module")
async def crowd(owned_database: Database) -> AsyncIterator[Transaction]:
    """50,000 users whom nobody else sees and who are never committed."""
    async with owned_database.transaction() as work:
        raw = work._connection.raw
        await raw.execute("SAVEPOINT empty")
        await raw.execute(_FILL)
        yield work
        await raw.execute("ROLLBACK TO SAVEPOINT empty")


class TestPage:
    @pytest.mark.parametrize("walk", list(Walk))
    @pytest.mark.parametrize(
        ("is_active", "index"),
        [
            (None, "idx_users_created_at_desc"),
            (True, "idx_users_created_at_desc"),
            (False, "ix_users_inactive"),
        ],
    )
    async def test_newest_first_needs_no_sorting(
        self, crowd: Transaction, walk: Walk, *, is_active: bool | None, index: str
    ) -> None:
        statement = _page_statement(walk, _Shape(is_active, is_search=False))
        root = await plan(crowd, statement, limit=51, **_HERE)
        assert scans(root) == {"users": index}
        assert sorted_before_limit(root) == []


class TestSearch:
    @pytest.mark.parametrize(
        ("is_active", "email_index"), [(None, "uq_users_email_key"), (True, "idx_users_email_active")]
    )
    async def test_a_beginning_is_looked_up_in_both_indexes(
        self, crowd: Transaction, *, is_active: bool | None, email_index: str
    ) -> None:
        statement = _page_statement(Walk.FIRST, _Shape(is_active, is_search=True))
        root = await plan(crowd, statement, low="abc", high="abc\U0010ffff", limit=51)
        used = {node["Index Name"] for node in nodes(root) if "Index Name" in node}
        assert used == {email_index, "idx_users_name_search"}
        assert "Seq Scan" not in {node["Node Type"] for node in nodes(root)}
