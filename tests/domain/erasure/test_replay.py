"""A list of erasures is carried out once, whatever this database knows of them."""

import contextlib
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from app.database.executor import Reader
from app.domain.erasure import commands, content_repository, queries
from app.domain.ids import UserId
from app.domain.users import repository as users_repository
from app.erasure_ledger import Erased, ErasureLedger, digest_of
from tests.domain.erasure.leavers import Scene, forms_of_id, tables_with

AT = datetime(2026, 11, 21, tzinfo=UTC)


async def test_whoever_is_there_is_erased_without_having_asked(scene: Scene) -> None:
    leaver, other = await scene.leaver(), await scene.leaver()
    assert await commands.replay(scene.database, scene.means, [Erased(digest_of(leaver.user.id), AT)]) == 1
    assert await tables_with(scene.connection, scene.keys.cipher, leaver.traces) == set()
    assert await users_repository.by_id(scene.database.reader, other.user.id) is not None


async def test_nobody_who_is_listed_can_come_in_while_one_of_them_is_erased(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [await scene.leaver() for _ in range(2)]

    async def fails(*_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(content_repository, "email", fails)
    with pytest.raises(ExceptionGroup) as failed:
        await commands.replay(scene.database, scene.means, [Erased(digest_of(each.user.id), AT) for each in people])
    assert [type(each) for each in failed.value.exceptions] == [ZeroDivisionError] * 2
    open_sessions = "SELECT count(*) FROM sessions WHERE user_id = ANY ($1) AND revoked_at IS NULL"
    assert await scene.connection.fetchval(open_sessions, [each.user.id for each in people]) == 0
    monkeypatch.undo()
    await commands.erase_due(scene.database, scene.means)
    for each in people:
        assert await tables_with(scene.connection, scene.keys.cipher, forms_of_id(each.user.id)) == {"audit_log"}


async def test_digests_of_nobody_are_taken_over(scene: Scene, tmp_path: Path) -> None:
    listed = [Erased(digest_of(uuid4()), AT) for _ in range(3)]
    assert await commands.replay(scene.database, scene.means, listed) == 0
    known = {erased.subject_hash for erased in await queries.erasures(scene.database.reader)}
    assert {erased.subject_hash for erased in listed} <= known
    ledger = ErasureLedger(tmp_path / "erasures")
    assert await commands.keep_ledger(ledger, scene.database) == len(known)
    assert await commands.keep_ledger(ledger, scene.database) == 0
    assert {erased.subject_hash for erased in ledger.erasures()} == known


async def test_one_who_cannot_be_erased_keeps_nobody_else_waiting(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [await scene.leaver() for _ in range(2)]
    stuck, other = sorted(people, key=lambda each: digest_of(each.user.id))
    real = content_repository.email

    async def fails_for_one(reader: Reader, user_id: UserId) -> str | None:
        if user_id == stuck.user.id:
            raise ZeroDivisionError
        return await real(reader, user_id)

    monkeypatch.setattr(content_repository, "email", fails_for_one)
    for listed in ([stuck, other], [other, stuck]):
        with contextlib.suppress(ZeroDivisionError):
            await commands.replay(scene.database, scene.means, [Erased(digest_of(each.user.id), AT) for each in listed])
    assert await users_repository.by_id(scene.database.reader, other.user.id) is None
    assert await users_repository.by_id(scene.database.reader, stuck.user.id) is not None
    monkeypatch.undo()
    await commands.erase_due(scene.database, scene.means)


async def test_an_erasure_that_is_under_way_is_left_to_the_worker(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its line is in the ledger since it began; a process that starts meanwhile asks once and goes on."""
    leaver = await scene.leaver()
    await scene.make_due(leaver)

    async def fails(*_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(content_repository, "email", fails)
    with pytest.raises(ZeroDivisionError):
        await commands.erase_due(scene.database, scene.means)
    with scene.database.observed() as names:
        assert await commands.replay(scene.database, scene.means, [Erased(digest_of(leaver.user.id), AT)]) == 0
    assert names == ["erasures.unknown"]
    monkeypatch.undo()
    assert await commands.erase_due(scene.database, scene.means) == 1


async def test_a_backup_that_was_made_in_the_middle_of_an_erasure_is_finished(scene: Scene) -> None:
    """The account was gone already, and what tells it in the audit log was not."""
    leaver = await scene.leaver()
    subject_hash = digest_of(leaver.user.id)
    await scene.connection.execute("DELETE FROM teams WHERE personal_user_id = $1", leaver.user.id)
    await scene.connection.execute("DELETE FROM users WHERE id = $1", leaver.user.id)
    await scene.connection.execute(
        "INSERT INTO erasures (subject_hash, user_id) VALUES ($1, $2)", subject_hash, leaver.user.id
    )
    assert "audit_log" in await tables_with(scene.connection, scene.keys.cipher, [leaver.canary])
    assert await commands.replay(scene.database, scene.means, [Erased(subject_hash, AT)]) == 0
    assert await commands.erase_due(scene.database, scene.means) == 1
    assert "audit_log" not in await tables_with(scene.connection, scene.keys.cipher, [leaver.canary])
    assert await scene.connection.fetchval("SELECT user_id FROM erasures WHERE subject_hash = $1", subject_hash) is None
