"""Archives are built whole or not at all, whatever happens to the workers, and only for those who may have them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.database.executor import Database, Transaction
from app.domain.audit.action import Action
from app.domain.encryption import commands as encryption
from app.domain.encryption.tables import ENCRYPTED
from app.domain.exports import building, commands, queries, repository
from app.domain.exports.export import ATTEMPTS_MAXIMUM, Export, Status
from app.domain.exports.walk_repository import Walk
from app.domain.unit_of_work import unit_of_work
from app.domain.users.caller import Caller
from app.field_encryption import FieldCipher, SealBroken
from app.settings import Settings
from tests.domain.audit.log_read import newer
from tests.domain.encryption.test_rotate import AFTER, BEFORE, BOTH
from tests.domain.exports.archives import KEPT, build, exported, fetch, read
from tests.messages import Outbox
from tests.team_factories import make_todo

# So that the archive, which each turn adds events to, always takes as many statements.
PAGE = 1000


class Killed(BaseException):
    """What a worker notices of kill -9, which is nothing: nobody catches this."""


class Dying(Database):
    """A database whose client dies at its n-th statement, counted over all connections; the last of them a COMMIT."""

    left = 10_000

    def tick(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        self.tick()
        async with super().transaction() as work:
            yield work
            self.tick()


@pytest.fixture
async def dying(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Dying]:
    opened = Dying(settings.database)
    real = Transaction._fetch

    async def fetch_or_die(self: Transaction, *arguments: Any) -> Any:
        if self._watch is opened.watch:
            opened.tick()
        return await real(self, *arguments)

    monkeypatch.setattr(Transaction, "_fetch", fetch_or_die)
    yield opened
    await opened.close()


async def end_leases(rows: Any) -> None:
    """As if the time were over that other workers wait."""
    await rows.execute("UPDATE exports SET next_attempt_at = now() WHERE finished_at IS NULL")


async def status(database: Database, caller: Caller, export: Export) -> Status:
    return (await queries.one(database.reader, caller, export.id)).status


async def notices(outbox: Outbox, rows: Any, caller: Caller) -> list[str]:
    email = await rows.fetchval("SELECT email FROM users WHERE id = $1", caller.user_id)
    return [sent.kind for sent in await outbox.to(email)]


class TestCrashes:
    async def test_whenever_the_worker_dies_the_next_one_builds_the_whole(
        self, database: Database, dying: Dying, cipher: FieldCipher, ann: Caller, rows: Any, outbox: Outbox
    ) -> None:
        for number in range(3):
            await make_todo(database, ann, title=f"todo {number}")
        deaths = 0
        while True:
            await rows.execute("DELETE FROM exports")
            await rows.execute("DELETE FROM messages")
            export = await commands.ask(database, ann)
            dying.left = deaths
            try:
                await build(dying, cipher, page_size=PAGE)
            except Killed:
                dead = True
            else:
                dead = False
            found = await status(database, ann, export)
            assert found in {Status.QUEUED, Status.RUNNING, Status.READY}
            if found is not Status.READY:
                assert await build(database, cipher) == (1 if found is Status.QUEUED else 0)
                await end_leases(rows)
                await build(database, cipher, page_size=PAGE)
            assert len(read(await fetch(database, cipher, ann, export)).lines("todos")) == 3
            assert await notices(outbox, rows, ann) == ["export_ready"]
            assert await build(database, cipher) == 0
            if not dead:
                break
            deaths += 1
        assert deaths > 30, "every statement of the worker was one to die at"

    async def test_an_export_at_which_workers_die_is_given_up(
        self, database: Database, dying: Dying, cipher: FieldCipher, ann: Caller, rows: Any, outbox: Outbox
    ) -> None:
        export = await commands.ask(database, ann)
        for _ in range(ATTEMPTS_MAXIMUM):
            dying.left = 20
            with pytest.raises(Killed):
                await build(dying, cipher)
            await end_leases(rows)
        entries = await newer(database)
        assert await build(database, cipher) == 1
        assert await status(database, ann, export) is Status.FAILED
        assert await notices(outbox, rows, ann) == ["export_failed"]
        assert [entry.action for entry in await entries()] == [Action.EXPORT_GIVEN_UP]
        assert await rows.fetchval("SELECT count(*) FROM export_chunks") == 0
        assert (await commands.ask(database, ann)).status is Status.QUEUED, "she can ask again"

    async def test_a_failure_is_tried_again_after_a_pause(
        self,
        database: Database,
        cipher: FieldCipher,
        ann: Caller,
        rows: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        export = await commands.ask(database, ann)
        with monkeypatch.context() as patched:
            patched.setattr(building, "line_of", lambda *_: 1 / 0)
            assert await build(database, cipher) == 1
        assert await status(database, ann, export) is Status.RUNNING
        assert await build(database, cipher) == 0, "not before its pause is over"
        await end_leases(rows)
        assert await build(database, cipher) == 1
        assert await status(database, ann, export) is Status.READY


class TestManyWorkers:
    async def test_each_export_is_built_by_one(self, database: Database, cipher: FieldCipher, ann: Caller) -> None:
        await commands.ask(database, ann)
        assert sorted(await asyncio.gather(*(build(database, cipher) for _ in range(4)))) == [0, 0, 0, 1]

    async def test_one_that_was_too_slow_leaves_the_archive_of_the_other_alone(
        self, database: Database, cipher: FieldCipher, ann: Caller, rows: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        export = await commands.ask(database, ann)
        real, seen = Walk.page, list[Walk]()

        async def page(self: Walk, *arguments: Any, **options: Any) -> Any:
            if not seen:
                seen.append(self)
                await end_leases(rows)
                assert await build(database, cipher) == 1
            return await real(self, *arguments, **options)

        monkeypatch.setattr(Walk, "page", page)
        assert await build(database, cipher) == 1
        archive = await fetch(database, cipher, ann, export)
        assert read(archive).line("account")["id"] == str(ann.user_id)
        assert await rows.fetchval("SELECT attempts FROM exports") == 2

    async def test_work_that_goes_on_keeps_its_lease(
        self, database: Database, cipher: FieldCipher, ann: Caller, rows: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(building, "SIGN_OF_LIFE_SECONDS", 0.0)
        await commands.ask(database, ann)
        with database.observed() as statements:
            await build(database, cipher)
        assert statements.count("exports.hold") > 15


class TestOneState:
    async def test_what_is_written_meanwhile_is_in_no_file(
        self, database: Database, cipher: FieldCipher, ann: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real, seen = Walk.page, list[Walk]()

        async def page(self: Walk, *arguments: Any, **options: Any) -> Any:
            found = await real(self, *arguments, **options)
            if not seen:
                seen.append(self)
                await make_todo(database, ann, title="too late")
            return found

        monkeypatch.setattr(Walk, "page", page)
        assert (await exported(database, cipher, ann)).lines("todos") == []
        monkeypatch.undo()
        assert (await exported(database, cipher, ann)).values("todos", "title") == ["too late"]


class TestStorage:
    async def test_what_is_stored_is_sealed_and_bound_to_its_place(
        self, database: Database, cipher: FieldCipher, ann: Caller, rows: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(building, "CHUNK_BYTES", 512)
        await make_todo(database, ann, title="nobody reads this in the database")
        export = await commands.ask(database, ann)
        await build(database, cipher)
        pieces = await rows.fetch("SELECT sealed FROM export_chunks ORDER BY number")
        assert len(pieces) > 5
        assert {len(piece["sealed"]) for piece in pieces[:-1]} == {len(pieces[0]["sealed"])}
        assert not [piece for piece in pieces if b"PK\x03\x04" in piece["sealed"]]
        await fetch(database, cipher, ann, export)
        await rows.execute("UPDATE export_chunks SET number = -1 WHERE number = 0")
        await rows.execute("UPDATE export_chunks SET number = 0 WHERE number = 1")
        with pytest.raises(SealBroken):
            await fetch(database, cipher, ann, export)

    async def test_a_new_key_leaves_it_as_it_was(
        self, database: Database, ann: Caller, rows: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(building, "CHUNK_BYTES", 512)
        export = await commands.ask(database, ann)
        await build(database, BEFORE)
        before = await fetch(database, BEFORE, ann, export)
        columns = [column for column in ENCRYPTED if column.table == "export_chunks"]
        (rotated,) = await encryption.rotate(database, BOTH, columns=columns)
        assert rotated.is_complete
        assert rotated.replaced == await rows.fetchval("SELECT count(*) FROM export_chunks") > 5
        assert await fetch(database, AFTER, ann, export) == before

    async def test_an_archive_that_lost_a_piece_is_not_taken_for_whole(
        self, database: Database, cipher: FieldCipher, ann: Caller, rows: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(building, "CHUNK_BYTES", 512)
        export = await commands.ask(database, ann)
        await build(database, cipher)
        await rows.execute("DELETE FROM export_chunks WHERE number = (SELECT max(number) FROM export_chunks)")
        with pytest.raises(commands.ArchiveGone):
            await fetch(database, cipher, ann, export)


class TestOwners:
    @pytest.mark.parametrize("change", ["is_active = false", "deletion_scheduled_at = now() + interval '7 days'"])
    async def test_nothing_is_built_for_somebody_who_cannot_come_in(
        self, database: Database, cipher: FieldCipher, ann: Caller, rows: Any, outbox: Outbox, change: str
    ) -> None:
        export = await commands.ask(database, ann)
        await rows.execute(f"UPDATE users SET {change} WHERE id = $1", ann.user_id)  # noqa: S608 - one of the above
        assert await build(database, cipher) == 1
        assert await status(database, ann, export) is Status.FAILED
        assert await notices(outbox, rows, ann) == []
        assert await rows.fetchval("SELECT count(*) FROM export_chunks") == 0

    async def test_nothing_is_left_of_somebody_who_is_deleted_meanwhile(
        self, database: Database, cipher: FieldCipher, ann: Caller, rows: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await commands.ask(database, ann)
        real, seen = Walk.page, list[Walk]()

        async def page(self: Walk, *arguments: Any, **options: Any) -> Any:
            if not seen:
                seen.append(self)
                await rows.execute("DELETE FROM users WHERE id = $1", ann.user_id)
            return await real(self, *arguments, **options)

        monkeypatch.setattr(Walk, "page", page)
        assert await build(database, cipher) == 1
        assert await rows.fetchval("SELECT count(*) FROM exports") == 0
        assert await rows.fetchval("SELECT count(*) FROM export_chunks") == 0

    async def test_the_lease_of_one_attempt_is_not_held_by_another(
        self, database: Database, ann: Caller, rows: Any
    ) -> None:
        await commands.ask(database, ann)
        async with unit_of_work(database) as work:
            first = await repository.claim(work, lease=KEPT)
        await end_leases(rows)
        async with unit_of_work(database) as work:
            second = await repository.claim(work, lease=KEPT)
        assert first is not None
        assert second is not None
        async with unit_of_work(database) as work:
            assert not await repository.hold(work, first, lease=KEPT)
            assert not await repository.finish(work, first, size_bytes=1, kept=KEPT)
            assert not await repository.give_up(work, first)
            assert await repository.hold(work, second, lease=KEPT)
