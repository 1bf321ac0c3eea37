"""What PostgreSQL would do for a statement, so that tests can assert that lists walk their indexes."""

import json
from collections.abc import Iterator
from typing import Any

from app.database.executor import Transaction
from app.database.statements import Statement

Node = dict[str, Any]


async def plan(work: Transaction, statement: Statement[Any], **parameters: Any) -> Node:
    """The plan of `statement` as the server would run it for any parameters, on what `work` sees."""
    raw = work._connection.raw
    await raw.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    sql = f"EXPLAIN (FORMAT JSON, COSTS OFF) {statement.sql}"
    [document] = json.loads(await raw.fetchval(sql, *statement.arguments(parameters)))
    root: Node = document["Plan"]
    return root


async def executed(work: Transaction, statement: Statement[Any], **parameters: Any) -> Node:
    """As `plan`, with the rows of each node: the statement runs, and what it writes is undone."""
    raw = work._connection.raw
    await raw.execute("SAVEPOINT before; SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL jit = off")
    sql = f"EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) {statement.sql}"
    [document] = json.loads(await raw.fetchval(sql, *statement.arguments(parameters)))
    await raw.execute("ROLLBACK TO SAVEPOINT before")
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
