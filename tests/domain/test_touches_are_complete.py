"""No command changes a row without noting, in the same transaction, what cached values of that row depend on.

Proved from the database's side: triggers remember what was really changed while every command runs, foreign keys'
effects included, so that a touch that nobody thought of is missed here.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest

from app.database.executor import Database
from app.database.schema import metadata
from app.database.touches import Note
from app.domain.identity.authority import Authority
from app.settings import load_settings
from tests.conftest import TEMPLATE, WORKER, Stack, recreate
from tests.domain.changed_rows import UNSEEN, WATCHED, Rules, Work, watch, works
from tests.domain.journey_of_todos import TODO_COMMANDS, TODO_JOURNEY
from tests.domain.test_touches import TABLES
from tests.domain.touching import stage_on

FAMILIES = ("session", "api_key", "user", "team", "projects", "tags", "todos", "todo", "every_todo")


@dataclass(frozen=True)
class Journey:
    """What was written and noted, by transaction, and what was announced."""

    works: list[Work]
    notes: list[Note]


@pytest.fixture(scope="module")
async def whole_journey(stack: Stack, authority: Authority) -> AsyncIterator[Journey]:
    """Every case of every table, one after another in a database of their own."""
    url = await recreate(stack.admin_url, f"todo_{WORKER}_touches_test", template=TEMPLATE)
    settings = load_settings(ENVIRONMENT="test", DATABASE_URL=url)
    looking, database = await asyncpg.connect(url), Database(settings.database)
    await watch(looking)
    async with stage_on(database, settings, authority) as stage:
        for case in (*TODO_JOURNEY, *(case for table in TABLES for case in (*table.changing, *table.leaving))):
            await case.play(stage)
    yield Journey(await works(looking), stage.notes)
    await looking.close()
    await database.close()


@pytest.fixture
def journey(whole_journey: Journey) -> list[Work]:
    return whole_journey.works


def complaints(journey: list[Work]) -> list[str]:
    """What the rules miss."""
    rules = Rules()
    return [complaint for work in journey for complaint in rules.missing(work)]


async def test_what_cached_values_depend_on_is_noted_with_every_change(journey: list[Work]) -> None:
    assert complaints(journey) == []


async def test_every_kind_of_change_was_seen(journey: list[Work]) -> None:
    """Otherwise the test above would say nothing about it."""
    seen = {(change.relation, change.kind) for work in journey for change in work.changes}
    assert seen == {(table, kind) for table in WATCHED for kind in ("INSERT", "UPDATE", "DELETE")}


@pytest.mark.parametrize("family", FAMILIES)
async def test_each_family_of_tags_would_be_missed(family: str, journey: list[Work]) -> None:
    without = [Work(work.changes, {tag for tag in work.noted if tag.partition(":")[0] != family}) for work in journey]
    assert complaints(without) != []


async def test_no_other_family_is_noted(journey: list[Work]) -> None:
    assert {tag.partition(":")[0] for work in journey for tag in work.noted} == set(FAMILIES)


async def test_what_is_noted_is_announced_and_nothing_else(whole_journey: Journey) -> None:
    """The note is for the announcement that a crash prevents, so it says the same."""
    noted = sorted(sorted(work.noted) for work in whole_journey.works if work.noted)
    assert noted == sorted(sorted(note.tags) for note in whole_journey.notes)


async def test_a_note_of_another_transaction_does_not_count(journey: list[Work]) -> None:
    apart = [half for work in journey for half in (Work(work.changes), Work(noted=work.noted))]
    assert complaints(apart) != []


def test_the_journey_uses_every_command_on_todos() -> None:
    """That the tables hold every other command is tested with them."""
    assert {case.command for case in TODO_JOURNEY} == TODO_COMMANDS


def test_what_is_said_to_be_unseen_exists() -> None:
    for table, columns in UNSEEN.items():
        assert columns.keys() <= {column.name for column in metadata.tables[table].columns}


def test_every_table_is_watched_or_never_cached() -> None:
    # Tokens are compared and never shown; guesses are counted; notes are about the cache itself; messages leave by
    # other ways; the audit log and the list of blocks are always read anew; second factors and what belongs to them are
    # read whenever somebody proves one; exports are looked at while they change, and their archives sent once; of
    # erasures nobody is told.
    never_cached = {
        "refresh_tokens",
        "mailed_tokens",
        "guesses",
        "cache_touches",
        "messages",
        "audit_log",
        "audit_chains",
        "audit_policy",
        "address_blocks",
        "second_factors",
        "recovery_codes",
        "code_sendings",
        "login_challenges",
        "exports",
        "export_chunks",
        "erasures",
    }
    assert set(metadata.tables) == {*WATCHED, *never_cached}
