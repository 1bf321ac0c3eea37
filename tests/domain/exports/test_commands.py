"""Asking for exports and fetching archives: with fresh proof, one at a time, a few a day, and for a while."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from app.database.executor import Database
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.errors import Conflict, DomainError, Gone, NotAllowed, NotAuthenticated, NotFound, TooManyAttempts
from app.domain.exports import commands, queries
from app.domain.exports.export import DAILY_MAXIMUM, Status
from app.domain.identity.authority import Authority
from app.domain.ids import ExportId, uuid7
from app.domain.users.caller import Caller
from app.field_encryption import FieldCipher
from tests.domain.audit.log_read import newer
from tests.domain.exports.archives import build, fetch, read
from tests.factories import make_user
from tests.team_factories import logged_in

DAY_LATER = "UPDATE exports SET created_at = created_at - interval '1 day'"
EXPIRE = "UPDATE exports SET expires_at = now()"


class TestAsk:
    async def test_one_at_a_time_however_many_ask_at_once(self, database: Database, ann: Caller, rows: Any) -> None:
        entries = await newer(database)
        asked = await asyncio.gather(*(commands.ask(database, ann) for _ in range(8)))
        assert len({export.id for export in asked}) == 1
        assert {export.status for export in asked} == {Status.QUEUED}
        assert await rows.fetchval("SELECT count(*) FROM exports") == 1
        assert [entry.action for entry in await entries()] == [Action.EXPORT_ASKED]

    async def test_the_database_itself_refuses_a_second_one(self, database: Database, ann: Caller, rows: Any) -> None:
        await commands.ask(database, ann)
        again = "INSERT INTO exports (id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id"
        assert await rows.fetchval(again, uuid7(), ann.user_id) is None

    async def test_a_few_a_day_however_many_ask_at_once(
        self, database: Database, cipher: FieldCipher, ann: Caller, rows: Any
    ) -> None:
        for _ in range(DAILY_MAXIMUM):
            await commands.ask(database, ann)
            await build(database, cipher, page_size=100)
        refused = await asyncio.gather(*(commands.ask(database, ann) for _ in range(3)), return_exceptions=True)
        for refusal in refused:
            assert isinstance(refusal, TooManyAttempts)
            assert refusal.code == "TOO_MANY_EXPORTS"
            assert 86_000 < refusal.retry_after_seconds <= 86_400
        await rows.execute(DAY_LATER)
        assert (await commands.ask(database, ann)).status is Status.QUEUED

    async def test_without_fresh_proof_there_is_none(self, database: Database, ann: Caller, rows: Any) -> None:
        await rows.execute("UPDATE sessions SET fresh_until = now() WHERE id = $1", ann.session_id)
        with pytest.raises(NotAuthenticated) as refusal:
            await commands.ask(database, ann)
        assert refusal.value.code == "STEP_UP_REQUIRED"
        assert await rows.fetchval("SELECT count(*) FROM exports") == 0

    async def test_an_api_key_cannot_ask(self, database: Database, ann: Caller) -> None:
        with pytest.raises(NotAllowed) as refusal:
            await commands.ask(database, replace(ann, session_id=None, scopes=frozenset({"account"})))
        assert refusal.value.code == "SESSION_REQUIRED"

    async def test_who_is_let_out_at_that_moment_gets_none(self, database: Database, ann: Caller, rows: Any) -> None:
        await rows.execute("UPDATE users SET is_active = false WHERE id = $1", ann.user_id)
        with pytest.raises(NotAuthenticated):
            await commands.ask(database, ann)
        assert await rows.fetchval("SELECT count(*) FROM exports") == 0

    async def test_it_is_undone_with_its_entry(
        self, database: Database, ann: Caller, rows: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        entries = await newer(database)
        monkeypatch.setattr(audit, "record", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await commands.ask(database, ann)
        assert await rows.fetchval("SELECT count(*) FROM exports") == 0
        assert await entries() == []


class TestOpenArchive:
    async def test_it_can_be_fetched_again_until_it_expires(
        self, database: Database, cipher: FieldCipher, ann: Caller, rows: Any
    ) -> None:
        export = await commands.ask(database, ann)
        await build(database, cipher)
        entries = await newer(database)
        first, again = [await fetch(database, cipher, ann, export) for _ in range(2)]
        assert first == again
        assert read(first).line("account")["id"] == str(ann.user_id)
        assert [entry.action for entry in await entries()] == [Action.EXPORT_FETCHED] * 2
        await rows.execute(EXPIRE)
        with pytest.raises(Gone) as refusal:
            await fetch(database, cipher, ann, export)
        assert refusal.value.code == "EXPORT_EXPIRED"

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ("", "EXPORT_NOT_READY"),
            ("UPDATE exports SET attempts = 1, next_attempt_at = now() + interval '1 minute'", "EXPORT_NOT_READY"),
            ("UPDATE exports SET finished_at = now()", "EXPORT_FAILED"),
        ],
    )
    async def test_what_is_not_ready_is_refused(
        self, database: Database, cipher: FieldCipher, ann: Caller, rows: Any, change: str, code: str
    ) -> None:
        export = await commands.ask(database, ann)
        await rows.execute(change or "SELECT")
        with pytest.raises(Conflict) as refusal:
            await commands.open_archive(database, cipher, ann, export.id)
        assert refusal.value.code == code

    async def test_that_of_others_does_not_exist(
        self, database: Database, cipher: FieldCipher, authority: Authority, ann: Caller
    ) -> None:
        export = await commands.ask(database, ann)
        await build(database, cipher)
        eve = await logged_in(database, authority, await make_user(database, roles=("admin",)))
        told = []
        for export_id in (export.id, ExportId(uuid7())):
            for attempt in (
                commands.open_archive(database, cipher, eve, export_id),
                queries.one(database.reader, eve, export_id),
            ):
                with pytest.raises(NotFound) as refusal:
                    await attempt
                told.append(str(refusal.value).replace(str(export_id), ""))
        assert len(set(told)) == 1

    async def test_it_takes_fresh_proof_again(
        self, database: Database, cipher: FieldCipher, ann: Caller, rows: Any
    ) -> None:
        export = await commands.ask(database, ann)
        await build(database, cipher)
        await rows.execute("UPDATE sessions SET fresh_until = now() WHERE id = $1", ann.session_id)
        for export_id in (export.id, ExportId(uuid7())):
            with pytest.raises(DomainError) as refusal:
                await commands.open_archive(database, cipher, ann, export_id)
            assert refusal.value.code == "STEP_UP_REQUIRED", "before anything is looked for"


class TestPurge:
    async def test_archives_are_deleted_when_they_expire_and_the_rest_a_month_later(
        self, database: Database, cipher: FieldCipher, ann: Caller, rows: Any
    ) -> None:
        export = await commands.ask(database, ann)
        await build(database, cipher)
        assert await commands.purge(database) == 0
        assert await rows.fetchval("SELECT expires_at - finished_at = interval '24 hours' FROM exports")
        await rows.execute(EXPIRE)
        assert await commands.purge(database) == 1
        assert await rows.fetchval("SELECT count(*) FROM export_chunks") == 0
        assert (await queries.one(database.reader, ann, export.id)).status is Status.EXPIRED
        await rows.execute("UPDATE exports SET finished_at = finished_at - interval '31 days'")
        assert await commands.purge(database) == 1
        with pytest.raises(NotFound):
            await queries.one(database.reader, ann, export.id)

    async def test_many_pieces_go_in_batches(
        self, database: Database, cipher: FieldCipher, ann: Caller, rows: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await commands.ask(database, ann)
        await build(database, cipher)
        await rows.execute(
            "INSERT INTO export_chunks SELECT export_id, n, sealed FROM export_chunks, generate_series(1, 6) n"
        )
        await rows.execute(EXPIRE)
        monkeypatch.setattr(commands, "PURGE_BATCH", 3)
        with database.observed() as statements:
            assert await commands.purge(database) == 7
        assert statements == ["exports.purge_chunks"] * 3 + ["exports.purge"]
