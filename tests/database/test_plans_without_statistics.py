"""A database too young to have statistics is used through its indexes as well: no statement reads a whole table."""

import pkgutil
from collections.abc import AsyncIterator, Iterator
from importlib import import_module
from typing import Any

import asyncpg
import pytest

import app
from app.database.executor import Database, Transaction
from app.database.statements import Statement
from app.settings import load_settings
from tests.conftest import TEMPLATE, WORKER, Stack, recreate
from tests.query_plans import explained, nodes

# Which statements read all of a table, each with the reason.
WHOLE = {
    "cache_touches.old": "what has not been announced yet: a few rows",
    "cache_touches.outdated": "the same",
    "erasures.all": "`todo erasures export` prints them all",
    "users.summon": "looks for everybody whose digest is in a list, at a start after a restore",
}
# Foreign keys that are looked up by reading all of their table, each with the reason.
FEW_ROWS = {
    "fk_address_blocks_created_by": "blocks are few, and those that are over are purged",
    "fk_address_blocks_lifted_by": "the same",
}
FOREIGN_KEYS = """
SELECT conname, conrelid::regclass AS child, ARRAY(
    SELECT attname::text FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey)
) AS columns FROM pg_constraint WHERE contype = 'f' AND conparentid = 0
"""


def statements() -> list[Statement[Any]]:
    """Every statement that a module has made when it is imported."""
    modules = [import_module(each.name) for each in pkgutil.walk_packages(app.__path__, "app.")]
    return list({each.sql: each for module in modules for each in _within(list(vars(module).values()))}.values())


def _within(value: object) -> Iterator[Statement[Any]]:
    if isinstance(value, Statement):
        yield value
    elif isinstance(value, dict):
        yield from _within(list(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _within(each)


@pytest.fixture(scope="module")
async def young(stack: Stack) -> AsyncIterator[Transaction]:
    url = await recreate(stack.admin_url, f"todo_{WORKER}_young_test", template=TEMPLATE)
    database = Database(load_settings(DATABASE_URL=url).database)
    async with database.transaction() as work:
        yield work
    await database.close()


def _read_whole(root: dict[str, Any]) -> set[str]:
    return {str(node["Relation Name"]) for node in nodes(root) if node["Node Type"] == "Seq Scan"}


async def test_no_statement_reads_a_whole_table_but_for_a_reason(young: Transaction) -> None:
    found = statements()
    assert len(found) > 200
    reading = set()
    for statement in found:
        if _read_whole(await explained(young._connection.raw, statement.sql, [None] * statement.parameter_count)):
            reading.add(statement.name)
    assert reading == set(WHOLE)


async def test_without_the_setting_they_would(young: Transaction) -> None:
    """Then the session of every request is looked for among all users."""
    raw = young._connection.raw
    [present] = [each for each in statements() if each.name == "sessions.present"]
    await raw.execute("SAVEPOINT before; SET LOCAL enable_seqscan = on")
    assert _read_whole(await explained(raw, present.sql, [None])) == {"users"}
    await raw.execute("ROLLBACK TO SAVEPOINT before")


async def test_whoever_is_referred_to_can_be_removed_without_reading_a_whole_table(young: Transaction) -> None:
    """PostgreSQL looks for what refers to a row that goes, by itself."""
    raw: asyncpg.Connection[asyncpg.Record] = young._connection.raw
    unindexed = set()
    for name, child, columns in await raw.fetch(FOREIGN_KEYS):
        wanted = " AND ".join(f"{column} = ${number}::uuid" for number, column in enumerate(columns, start=1))
        lookup = f"SELECT 1 FROM ONLY {child} WHERE {wanted}"  # noqa: S608 - names that the catalogue gives
        if _read_whole(await explained(raw, lookup, [None] * len(columns))):
            unindexed.add(name)
    assert unindexed == set(FEW_ROWS)
