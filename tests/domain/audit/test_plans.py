"""The lists of the log walk their indexes: their plans among 20,000 entries of this month."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.database.executor import Database
from app.database.newest_first import Walk
from app.domain.audit.chain_repository import _FORGOTTEN, _LINKS, _NEXT_CHAIN, _NEXT_MONTH, span_of
from app.domain.audit.list_repository import _activity_statement, _page_statement, _Shape
from app.settings import load_settings
from tests.conftest import Stack
from tests.domain.audit.log_of_ones_own import Log, log_on
from tests.query_plans import nodes, plan, scans

NOW = datetime.now(UTC)
MONTH = f"audit_log_{NOW:%Y_%m}"
FILL = """
SELECT audit_append(json_agg(json_build_object(
    'id', gen_random_uuid(), 'actor_kind', 'user', 'actor_id', md5((n % 2000)::text)::uuid, 'action', 'a' || n % 30,
    'outcome', CASE WHEN n % 100 = 0 THEN 'refused' ELSE 'done' END, 'subject_kind', 'user',
    'subject_id', md5((n % 2500)::text)::uuid, 'team_id', md5((n % 1000)::text)::uuid, 'request_id', md5(n::text))))
FROM generate_series(1, 20000) AS n
"""
ID = UUID(int=0)
GIVEN: dict[str, Any] = {
    "filter_actor_id": ID,
    "filter_action": "a1",
    "filter_subject_kind": "user",
    "filter_subject_id": "x",
    "filter_team_id": ID,
    "filter_request_id": "x",
    "filter_since": NOW,
    "filter_until": NOW,
    "id": ID,
    "limit": 51,
}


# From the newest entry on, and from the oldest one back.
POSITIONS = pytest.mark.parametrize(
    ("walk", "value"),
    [(Walk.FIRST, NOW), (Walk.ON, NOW + timedelta(days=1)), (Walk.BACK, NOW - timedelta(days=1))],
)


@pytest.fixture(scope="module")
async def log(stack: Stack) -> AsyncIterator[Log]:
    async with log_on(stack) as own:
        await own.owner.execute(FILL)
        await own.owner.execute("ANALYZE audit_log")
        yield own


async def used(database: Database, statement: Any, **parameters: Any) -> set[str]:
    """The indexes of the month with the entries that are walked; the word for it if it is read as a whole."""
    async with database.transaction() as work:
        root = await plan(work, statement, **parameters)
    indexes = {str(node["Index Name"]) for node in nodes(root) if "Index Name" in node}
    whole = {node["Node Type"] for node in nodes(root) if node.get("Relation Name") == MONTH} & {"Seq Scan"}
    return {index for index in indexes if index.startswith(MONTH)} | whole


@POSITIONS
@pytest.mark.parametrize(
    ("filters", "outcome", "index"),
    [
        ((), None, "_pkey"),
        ((), "done", "_pkey"),
        ((), "refused", "_at_id_idx"),
        (("actor_id",), None, "_actor_id_at_id_idx"),
        (("subject_kind", "subject_id"), None, "_subject_kind_subject_id_at_id_idx"),
        (("team_id",), None, "_team_id_at_id_idx"),
        (("action",), None, "_action_at_id_idx"),
        (("request_id",), None, "_request_id_idx"),
        (("actor_id", "action"), None, "_actor_id_at_id_idx"),
    ],
)
async def test_a_page_walks_the_index_of_its_filter(
    filters: tuple[str, ...], outcome: str | None, index: str, walk: Walk, value: datetime, log: Log
) -> None:
    statement = _page_statement(_Shape(filters, outcome, walk))
    assert await used(log.database, statement, value=value, **GIVEN) == {MONTH + index}


@POSITIONS
async def test_activity_walks_both_of_its_indexes(walk: Walk, value: datetime, log: Log) -> None:
    statement = _activity_statement(walk)
    walked = await used(log.database, statement, person=ID, person_text=str(ID), value=value, **GIVEN)
    assert walked == {f"{MONTH}_actor_id_at_id_idx", f"{MONTH}_subject_kind_subject_id_at_id_idx"}


async def test_a_span_of_time_leaves_out_the_months_beside_it(log: Log) -> None:
    """At run time, since any time may be given: the plan for all of them says how many it could do without."""
    statement = _page_statement(_Shape(("since", "until"), None, Walk.FIRST))
    async with log.database.transaction() as work:
        root = await plan(work, statement, **{**GIVEN, "filter_since": NOW.replace(day=1)})
    assert set(scans(root)) <= {MONTH, "audit_log_default"}


async def test_verification_walks_the_chain(log: Log) -> None:
    since, until = span_of(NOW.date())
    place = {"since": since, "until": until, "chain": 0, "number": 5000, "id": ID, "limit": 2000}
    planned_for_values = Database(load_settings(DATABASE_URL=log.url).database, generic_plans=False)
    assert await used(planned_for_values, _LINKS, **place) == {f"{MONTH}_chain_number_idx"}
    await planned_for_values.close()


async def test_the_chains_of_a_month_are_found_without_reading_it(log: Log) -> None:
    since, until = span_of(NOW.date())
    assert await used(log.database, _NEXT_MONTH, since=since, until=until) == {f"{MONTH}_pkey"}
    assert await used(log.database, _NEXT_CHAIN, since=since, until=until, after=0) == {f"{MONTH}_chain_number_idx"}


async def test_a_reason_to_forget_is_found_by_what_it_is(log: Log) -> None:
    assert await used(log.database, _FORGOTTEN, id=ID) == {f"{MONTH}_action_at_id_idx"}
