"""What PostgreSQL would do for a statement, so that tests can assert that lists walk their indexes."""

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

import asyncpg

from app.database.executor import Transaction
from app.database.statements import Statement

Node = dict[str, Any]
_numbers = itertools.count()


async def plan(work: Transaction, statement: Statement[Any], **parameters: Any) -> Node:
    """The plan of `statement` as the server would run it for any parameters, on what `work` sees."""
    return await explained(work._connection.raw, statement.sql, statement.arguments(parameters))


async def executed(work: Transaction, statement: Statement[Any], **parameters: Any) -> Node:
    """As `plan`, with the rows of each node: the statement runs, and what it writes is undone."""
    raw = work._connection.raw
    await raw.execute("SAVEPOINT before")
    arguments = statement.arguments(parameters)
    root = await explained(raw, statement.sql, arguments, options="ANALYZE, TIMING OFF")
    await raw.execute("ROLLBACK TO SAVEPOINT before")
    return root


async def explained(
    raw: "asyncpg.Connection[asyncpg.Record]", sql: str, arguments: Sequence[Any], *, options: str = "COSTS OFF"
) -> Node:
    """What EXPLAIN says of a statement that has been prepared, on a connection that plans as the service's do.

    It is prepared by name: EXPLAIN of the bare text would plan for just these arguments.
    """
    name = f"explained_{next(_numbers)}"
    await raw.execute(f"PREPARE {name} AS {sql}")
    prepared = await raw.prepare(sql)
    literals = [
        await raw.fetchval(f"SELECT quote_nullable($1::{kind.schema}.{kind.name})", argument)
        for kind, argument in zip(prepared.get_parameters(), arguments, strict=True)
    ]
    call = f"{name}({', '.join(literals)})" if literals else name
    [document] = json.loads(await raw.fetchval(f"EXPLAIN (FORMAT JSON, {options}) EXECUTE {call}"))
    await raw.execute(f"DEALLOCATE {name}")
    root: Node = document["Plan"]
    return root


def nodes(node: Node) -> Iterator[Node]:
    """The node and everything below it."""
    yield node
    for child in node.get("Plans", ()):
        yield from nodes(child)


def scans(root: Node) -> dict[str, str]:
    """By table: the index that is walked, or how else the table is read."""
    tables = [node for node in nodes(root) if "Relation Name" in node]
    return {str(node["Relation Name"]): str(node.get("Index Name", node["Node Type"])) for node in tables}


def sorted_before_limit(root: Node) -> list[str]:
    """The kinds of sorting that happen below the innermost limit, where a team's rows are not yet cut to a page."""
    limits = [node for node in nodes(root) if node["Node Type"] == "Limit"]
    return [node["Node Type"] for node in nodes(limits[-1]) if node["Node Type"] == "Sort"]
