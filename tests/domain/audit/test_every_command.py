"""Each command leaves in the audit log exactly what it did, no less and no more; nothing if it was undone."""

import json
import pkgutil
from collections.abc import AsyncIterator
from contextlib import suppress
from importlib import import_module

import pytest

import app.domain
from app.database.executor import Database
from app.domain.audit import commands as audit
from app.domain.errors import DomainError
from app.domain.identity.authority import Authority
from app.domain.unit_of_work import in_batches
from app.settings import Settings
from tests.domain.audit.block_cases import BLOCKS
from tests.domain.audit.erasure_cases import ERASURE
from tests.domain.audit.export_cases import EXPORTS
from tests.domain.audit.factor_cases import FACTORS
from tests.domain.audit.identity_cases import IDENTITY
from tests.domain.audit.key_cases import KEYS
from tests.domain.audit.log_read import Kept, newer
from tests.domain.audit.mail_cases import MAIL
from tests.domain.audit.service_cases import SERVICE
from tests.domain.audit.team_cases import TEAMS
from tests.domain.audit.telling import Case, Command, Told, Undoing, UndoneError, scene_on
from tests.domain.audit.work_cases import WORK
from tests.domain.touching import commands_of

TABLES = (BLOCKS, ERASURE, IDENTITY, KEYS, MAIL, FACTORS, EXPORTS, TEAMS, WORK, SERVICE)
CASES = [case for table in TABLES for case in table.cases]


@pytest.fixture
async def undoing(settings: Settings) -> AsyncIterator[Undoing]:
    database = Undoing(settings.database)
    yield database
    await database.close()


def seen(row: Kept) -> tuple[object, ...]:
    return row.action, row.outcome, row.actor_id, row.subject, row.team_id, row.changed


def expected(told: Told) -> tuple[object, ...]:
    subject = (told.subject.kind, str(told.subject.id)) if told.subject else (None, None)
    return told.action, told.outcome, told.actor_id, subject, told.team_id, told.changed


def order(entry: tuple[object, ...]) -> str:
    return json.dumps(entry, default=str, sort_keys=True)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_it_tells_what_it_did(case: Case, database: Database, authority: Authority) -> None:
    act, told = await case.play(await scene_on(database, authority))
    rows = await newer(database)
    result = None
    try:
        result = await act()
    except DomainError:
        assert not callable(told), "this case was to succeed"
    entries = told(result) if callable(told) else told
    found = [seen(row) for row in await rows()]
    assert sorted(found, key=order) == sorted(map(expected, entries), key=order)
    assert "canary" not in str(found)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_what_is_undone_tells_nothing(case: Case, undoing: Undoing, authority: Authority) -> None:
    act, told = await case.play(await scene_on(undoing, authority))
    rows = await newer(undoing)
    undoing.is_undoing = True
    with pytest.raises(UndoneError) if told else suppress(UndoneError, DomainError):
        await act()
    assert await rows() == []


def every_command() -> set[Command]:
    """Whatever in the domain takes a database and does something with it; not what writes the log, and no mere loop."""
    modules = [import_module(found.name) for found in pkgutil.walk_packages(app.domain.__path__, "app.domain.")]
    return commands_of(modules) - {audit.record_refusal, in_batches}


def test_every_command_has_a_case_or_a_reason_why_not() -> None:
    told = {case.command for case in CASES}
    untold = {command for table in TABLES for command in table.unaudited}
    assert told | untold == every_command()
    assert told.isdisjoint(untold)
