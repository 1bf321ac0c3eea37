"""Every command announces exactly the cache tags of what it changed, and none if it changed nothing."""

import pytest

from tests.domain.erasure.touches import ERASURE
from tests.domain.identity.key_touches import API_KEYS
from tests.domain.identity.mail_touches import MAILED
from tests.domain.identity.second_factor_touches import SECOND_FACTORS
from tests.domain.identity.step_up_touches import STEP_UP
from tests.domain.identity.touches import IDENTITY
from tests.domain.projects.touches import PROJECTS
from tests.domain.tags.touches import TAGS
from tests.domain.teams.touches import TEAMS
from tests.domain.touching import Case, Stage, Table, commands_of
from tests.domain.users.touches import USERS

TABLES = (USERS, IDENTITY, MAILED, STEP_UP, API_KEYS, SECOND_FACTORS, TEAMS, PROJECTS, TAGS, ERASURE)


def cases(*tables: tuple[Case, ...]) -> pytest.MarkDecorator:
    """One test for each case of the tables, named after it."""
    named = [pytest.param(case, id=case.name) for table in tables for case in table]
    return pytest.mark.parametrize("case", named)


@cases(*(table.changing for table in TABLES))
async def test_what_changes_is_announced(case: Case, stage: Stage) -> None:
    expected = await case.play(stage)
    assert expected, "a case of a change says what it announces"
    assert stage.announced == expected


@cases(*(table.leaving for table in TABLES))
async def test_what_leaves_all_as_it_was_announces_nothing(case: Case, stage: Stage) -> None:
    assert await case.play(stage) is None
    assert stage.announced == set()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.modules[0].__name__)
def test_no_command_is_missing_from_its_table(table: Table) -> None:
    commands = commands_of(table.modules)
    assert {case.command for case in table.changing} == commands - table.silent
    assert {case.command for case in table.leaving} == commands
