"""Whoever is killed while they erase somebody leaves nothing that the next one would not finish, at any moment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.database.executor import Database, Transaction
from app.domain.audit.verification import verify
from app.domain.erasure import commands
from app.domain.teams.policy import Role
from app.domain.todos import queries as todo_queries
from app.erasure_ledger import ErasureLedger, digest_of
from app.settings import load_settings
from tests.domain.erasure.leavers import Leaver, Scene, everything, forms_of_id, tables_saying, tables_with


class KilledError(BaseException):
    """The process is gone, whatever it was about to do."""


class Life:
    """How many things a process still does before it is killed: a statement, a commit, a line in the ledger."""

    def __init__(self, left: int) -> None:
        self.left = left

    def live(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise KilledError


class MortalDatabase(Database):
    """A database whose process is killed before a statement, or between one commit and what follows it.

    Of what was not committed nothing is left, as the server undoes it.
    """

    life = Life(1_000_000)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with super().transaction() as work:
            fetch = work._fetch

            async def mortal(*arguments: Any) -> Any:
                self.life.live()
                return await fetch(*arguments)

            work._fetch = mortal  # type: ignore[assignment,method-assign]  # that is the point
            yield work
            self.life.live()


class MortalLedger(ErasureLedger):
    """A ledger that is written, by somebody who may be dead when it is."""

    life = Life(1_000_000)

    def add(self, *arguments: Any) -> int:
        added = super().add(*arguments)
        self.life.live()
        return added


@pytest.fixture
async def mortal(erasure_url: str) -> AsyncIterator[MortalDatabase]:
    database = MortalDatabase(load_settings(ENVIRONMENT="test", DATABASE_URL=erasure_url).database)
    yield database
    await database.close()


async def assert_gone(scene: Scene, *leavers: Leaver) -> None:
    """The same end, however it came about."""
    said = await everything(scene.connection, scene.keys.cipher)
    for leaver in leavers:
        assert tables_saying(said, leaver.traces) == set()
        assert tables_saying(said, forms_of_id(leaver.user.id)) == {"audit_log"}
        await assert_others_go_on(scene, leaver)


async def assert_others_go_on(scene: Scene, leaver: Leaver) -> None:
    """What stays is as it was, unlinked once, and the log tells everything once."""
    made = await todo_queries.get(scene.database.reader, leaver.owner, leaver.made.id)
    assigned = await todo_queries.get(scene.database.reader, leaver.owner, leaver.assigned.id)
    assert (made.created_by, made.version) == (None, leaver.made.version + 1)
    assert (assigned.assignee_id, assigned.version) == (None, leaver.assigned.version + 1)
    roles = await scene.connection.fetch(
        "SELECT user_id, role FROM team_memberships WHERE team_id = $1 AND role = 'owner'", leaver.owned.id
    )
    assert [tuple(row) for row in roles] == [(leaver.admin.user_id, Role.OWNER)]
    told = await scene.connection.fetch(
        "SELECT action FROM audit_log WHERE subject_id = ANY ($1) AND actor_kind = 'system' AND outcome = 'done'"
        " AND action NOT IN ('person.forgotten', 'account.password_reset_asked')",
        [str(leaver.user.id), str(leaver.admin.user_id), str(leaver.alone.id)],
    )
    actions = ["account.erased", "member.removed", "member.removed", "member.role_changed", "team.deleted"]
    assert sorted(row["action"] for row in told) == actions


async def test_after_every_statement(scene: Scene, mortal: MortalDatabase, tmp_path: Path) -> None:
    """Killed after none, one, two, …, until an erasure survives; each is then finished by another process."""
    ledger = MortalLedger(tmp_path / "erasures")
    means = replace(scene.means, ledger=ledger)
    leavers: list[Leaver] = []
    while True:
        leaver = await scene.leaver()
        await scene.make_due(leaver)
        mortal.life = MortalLedger.life = Life(len(leavers))
        leavers.append(leaver)
        try:
            await commands.erase_due(mortal, means)
            break
        except KilledError:
            MortalLedger.life = Life(1_000_000)
        begun = await scene.connection.fetchval(
            "SELECT count(*) FROM erasures WHERE subject_hash = $1", digest_of(leaver.user.id)
        )
        # Nothing is gone before it is written down that it has to stay so.
        assert begun <= sum(erased.subject_hash == digest_of(leaver.user.id) for erased in ledger.erasures())
        await commands.erase_due(scene.database, means)
    assert len(leavers) > 60
    await assert_gone(scene, *leavers)
    assert (await verify(scene.database.reader)).breaks == []


async def test_by_several_at_once(scene: Scene) -> None:
    leaver = await scene.leaver()
    await scene.make_due(leaver)
    await asyncio.gather(*(commands.erase_due(scene.database, scene.means) for _ in range(4)))
    await assert_gone(scene, leaver)


async def test_a_ledger_that_cannot_be_written_stops_it_before_anything_is_gone(scene: Scene, tmp_path: Path) -> None:
    leaver = await scene.leaver()
    await scene.make_due(leaver)
    before = await tables_with(scene.connection, scene.keys.cipher, leaver.traces)
    means = replace(scene.means, ledger=ErasureLedger(tmp_path / "missing" / "erasures"))
    with pytest.raises(FileNotFoundError):
        await commands.erase_due(scene.database, means)
    assert await tables_with(scene.connection, scene.keys.cipher, leaver.traces) == before
    await commands.erase_due(scene.database, scene.means)
    await assert_gone(scene, leaver)
