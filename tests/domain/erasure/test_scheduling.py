"""An account that is to be erased is closed at once, and opened again by whoever reads its mail in time."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.database.executor import Database, Transaction
from app.domain.erasure import commands, scheduling
from app.domain.erasure import repository as erasures
from app.domain.erasure.commands import Means
from app.domain.errors import Conflict, Invalid, NotAuthenticated
from app.domain.exports import commands as exports
from app.domain.identity import api_key_commands, api_key_repository, password_resets, repository
from app.domain.identity import commands as identity
from app.domain.identity.api_key import ApiKeyDraft
from app.domain.identity.authority import Authority
from app.domain.identity.letters import Letters
from app.domain.identity.mailed_tokens import PER_ADDRESS
from app.domain.teams import commands as team_commands
from app.domain.teams.policy import Role
from app.domain.users.caller import Caller
from app.domain.users.user import User
from app.field_encryption import FieldCipher
from tests.api_key_factories import make_api_key
from tests.domain.identity.mailing import Effort, mailed
from tests.factories import CLIENT, PASSWORD, make_user, open_session
from tests.locks import waits_for
from tests.messages import Outbox
from tests.team_factories import logged_in, make_caller, make_team

DELAY = timedelta(days=7)


@pytest.fixture
async def user(database: Database) -> User:
    return await make_user(database)


@pytest.fixture
async def ann(database: Database, authority: Authority, user: User) -> Caller:
    return await logged_in(database, authority, user)


async def log_in(database: Database, authority: Authority, email: str, password: str = PASSWORD) -> str:
    """How it ends: the code of the refusal."""
    try:
        await identity.log_in(database, authority, email=email, password=password, client=CLIENT)
    except NotAuthenticated as error:
        return error.code
    return "IN"


async def scheduled_at(database: Database, user: User) -> datetime | None:
    return await erasures.scheduled_at(database.reader, user.id)


async def pass_time(database: Database, user: User) -> None:
    """Its erasure is due."""
    async with database.transaction() as work:
        await work._connection.raw.execute(
            "UPDATE users SET deletion_scheduled_at = now() - interval '1 second' WHERE id = $1", user.id
        )


def make_key(database: Database, letters: Letters, caller: Caller) -> Coroutine[Any, Any, object]:
    return api_key_commands.create(database, caller, ApiKeyDraft("Nightly report", ["todos:read"]))


def ask_for_export(database: Database, letters: Letters, caller: Caller) -> Coroutine[Any, Any, object]:
    return exports.ask(database, caller)


def schedule_again(database: Database, letters: Letters, caller: Caller) -> Coroutine[Any, Any, object]:
    return scheduling.schedule(database, letters, caller, delay=2 * DELAY)


class TestSchedule:
    @pytest.mark.parametrize("attempt", [make_key, ask_for_export, schedule_again])
    async def test_what_waits_meanwhile_finds_the_session_ended(
        self,
        database: Database,
        letters: Letters,
        ann: Caller,
        user: User,
        monkeypatch: pytest.MonkeyPatch,
        attempt: Any,
    ) -> None:
        """It came in before the account was closed, and would make something of an account that is."""
        late: list[asyncio.Task[object]] = []
        original = Letters.deletion_scheduled

        async def have_somebody_wait(self: Letters, work: Transaction, **rest: Any) -> None:
            await original(self, work, **rest)
            if not late:
                late.append(asyncio.create_task(attempt(database, letters, ann)))
                await waits_for(work, late[0])

        monkeypatch.setattr(Letters, "deletion_scheduled", have_somebody_wait)
        due = await scheduling.schedule(database, letters, ann, delay=DELAY)
        with pytest.raises(NotAuthenticated) as caught:
            await late[0]
        assert caught.value.code == "STEP_UP_REQUIRED"
        assert await scheduled_at(database, user) == due
        assert await api_key_repository.count(database.reader, user.id) == 0

    async def test_it_is_due_after_the_delay(
        self, database: Database, letters: Letters, ann: Caller, user: User
    ) -> None:
        due = await scheduling.schedule(database, letters, ann, delay=DELAY)
        assert abs(due - datetime.now(UTC) - DELAY) < timedelta(minutes=1)
        assert await scheduled_at(database, user) == due

    async def test_every_session_and_every_api_key_ends(
        self, database: Database, authority: Authority, letters: Letters, ann: Caller, user: User
    ) -> None:
        await open_session(database, authority, user)
        await make_api_key(database, user)
        await scheduling.schedule(database, letters, ann, delay=DELAY)
        assert await repository.count(database.reader, user.id) == 0
        assert await api_key_repository.count(database.reader, user.id) == 0

    async def test_a_session_that_is_not_fresh_is_not_enough(
        self, database: Database, letters: Letters, ann: Caller, user: User
    ) -> None:
        async with database.transaction() as work:
            await work._connection.raw.execute("UPDATE sessions SET fresh_until = NULL WHERE id = $1", ann.own_session)
        with pytest.raises(NotAuthenticated) as refused:
            await scheduling.schedule(database, letters, ann, delay=DELAY)
        assert refused.value.code == "STEP_UP_REQUIRED"
        assert await scheduled_at(database, user) is None

    async def test_administrators_have_to_stop_being_such(
        self, database: Database, authority: Authority, letters: Letters
    ) -> None:
        admin = await make_user(database, roles=("admin",))
        with pytest.raises(Conflict) as refused:
            await scheduling.schedule(database, letters, await logged_in(database, authority, admin), delay=DELAY)
        assert refused.value.code == "ADMINISTRATOR"

    async def test_who_has_proved_the_password_learns_it_and_nobody_else(
        self, database: Database, authority: Authority, letters: Letters, ann: Caller, user: User
    ) -> None:
        await scheduling.schedule(database, letters, ann, delay=DELAY)
        assert await log_in(database, authority, user.email) == "DELETION_SCHEDULED"
        assert await log_in(database, authority, user.email, "wrong") == "INVALID_CREDENTIALS"

    async def test_a_deactivated_account_says_no_more_than_before(
        self, database: Database, authority: Authority, letters: Letters, ann: Caller, user: User
    ) -> None:
        await scheduling.schedule(database, letters, ann, delay=DELAY)
        async with database.transaction() as work:
            await work._connection.raw.execute("UPDATE users SET is_active = false WHERE id = $1", user.id)
        assert await log_in(database, authority, user.email) == "INVALID_CREDENTIALS"

    async def test_it_gets_no_new_password_and_joins_no_team(
        self, database: Database, letters: Letters, outbox: Outbox, ann: Caller, user: User
    ) -> None:
        await scheduling.schedule(database, letters, ann, delay=DELAY)
        await password_resets.ask(database, letters, user.email)
        assert (await outbox.last_to(user.email)).kind == "no_account"
        bob = await make_caller(database)
        team = await make_team(database, bob)
        with pytest.raises(Invalid):
            await team_commands.add_member(database, bob, team.id, email=user.email, role=Role.MEMBER)

    async def test_the_mail_says_when_and_how_to_call_it_off(
        self, database: Database, letters: Letters, outbox: Outbox, ann: Caller, user: User
    ) -> None:
        due = await scheduling.schedule(database, letters, ann, delay=DELAY)
        mail = await outbox.last_to(user.email)
        assert f"{due:%Y-%m-%d at %H:%M} UTC" in mail.text
        assert "/cancel-deletion#token=" in mail.link


class TestCancel:
    async def test_its_owner_can_log_in_again_and_is_told(
        self, database: Database, authority: Authority, letters: Letters, outbox: Outbox, ann: Caller, user: User
    ) -> None:
        await scheduling.schedule(database, letters, ann, delay=DELAY)
        await scheduling.cancel(database, letters, await mailed(outbox, user.email))
        assert await scheduled_at(database, user) is None
        assert await log_in(database, authority, user.email) == "IN"
        assert (await outbox.last_to(user.email)).kind == "deletion_cancelled"

    async def test_a_token_is_good_once_and_for_one_deletion(
        self, database: Database, authority: Authority, letters: Letters, outbox: Outbox, ann: Caller, user: User
    ) -> None:
        await scheduling.schedule(database, letters, ann, delay=DELAY)
        first = await mailed(outbox, user.email)
        await scheduling.resend(database, letters, user.email)
        second = await mailed(outbox, user.email)
        await scheduling.cancel(database, letters, first)
        await scheduling.schedule(database, letters, await logged_in(database, authority, user), delay=DELAY)
        for token in (first, second, "unknown"):
            with pytest.raises(NotAuthenticated) as refused:
                await scheduling.cancel(database, letters, token)
            assert refused.value.code == "INVALID_MAIL_TOKEN"
        assert await scheduled_at(database, user) is not None

    async def test_it_is_too_late_when_it_is_due(
        self, database: Database, letters: Letters, outbox: Outbox, ann: Caller, user: User
    ) -> None:
        await scheduling.schedule(database, letters, ann, delay=DELAY)
        await pass_time(database, user)
        with pytest.raises(NotAuthenticated):
            await scheduling.cancel(database, letters, await mailed(outbox, user.email))
        assert await scheduled_at(database, user) is not None

    async def test_what_an_administrator_has_closed_stays_closed(
        self, database: Database, authority: Authority, letters: Letters, outbox: Outbox, ann: Caller, user: User
    ) -> None:
        await scheduling.schedule(database, letters, ann, delay=DELAY)
        async with database.transaction() as work:
            await work._connection.raw.execute("UPDATE users SET is_active = false WHERE id = $1", user.id)
        await scheduling.cancel(database, letters, await mailed(outbox, user.email))
        assert await log_in(database, authority, user.email) == "INVALID_CREDENTIALS"

    async def test_as_often_as_one_likes(
        self, database: Database, authority: Authority, letters: Letters, outbox: Outbox, user: User
    ) -> None:
        """The mails of those before do not count."""
        for _ in range(PER_ADDRESS + 1):
            ann = await logged_in(database, authority, user)
            await scheduling.schedule(database, letters, ann, delay=DELAY)
            await scheduling.cancel(database, letters, await mailed(outbox, user.email))

    async def test_its_mail_calls_it_off_whatever_others_have_asked_for_before(
        self, database: Database, letters: Letters, outbox: Outbox, ann: Caller, user: User
    ) -> None:
        for _ in range(PER_ADDRESS):
            await scheduling.resend(database, letters, user.email)
        await scheduling.schedule(database, letters, ann, delay=DELAY)
        await scheduling.cancel(database, letters, await mailed(outbox, user.email))
        assert await scheduled_at(database, user) is None

    async def test_of_an_account_that_is_gone_there_is_nothing_to_call_off(
        self, database: Database, letters: Letters, outbox: Outbox, cipher: FieldCipher, ann: Caller, user: User
    ) -> None:
        await scheduling.schedule(database, letters, ann, delay=DELAY)
        token = await mailed(outbox, user.email)
        await pass_time(database, user)
        await commands.erase_due(database, Means(cipher))
        with pytest.raises(NotAuthenticated):
            await scheduling.cancel(database, letters, token)
        assert await outbox.to(user.email) == []


class TestResend:
    async def test_another_mail_calls_it_off_as_well(
        self, database: Database, letters: Letters, outbox: Outbox, ann: Caller, user: User
    ) -> None:
        await scheduling.schedule(database, letters, ann, delay=DELAY)
        first = await mailed(outbox, user.email)
        await scheduling.resend(database, letters, user.email.upper())
        second = await mailed(outbox, user.email)
        assert first != second
        await scheduling.cancel(database, letters, second)
        assert await scheduled_at(database, user) is None

    async def test_the_same_work_is_done_for_every_address(
        self, database: Database, letters: Letters, outbox: Outbox, ann: Caller, user: User
    ) -> None:
        await scheduling.schedule(database, letters, ann, delay=DELAY)
        staying, nobody = (await make_user(database)).email, f"{uuid4().hex}@example.com"
        efforts = []
        for email in (user.email, staying, nobody):
            effort = Effort()
            with database.observed() as names:
                await scheduling.resend(database, letters, email)
            effort.statements += names
            efforts.append(effort)
        assert efforts[0].statements
        assert efforts == [efforts[0]] * 3
        assert [(await outbox.last_to(email)).kind for email in (user.email, staying, nobody)] == [
            "deletion_scheduled",
            "no_deletion",
            "no_deletion",
        ]

    async def test_nobody_can_be_sent_more_than_five(
        self, database: Database, letters: Letters, outbox: Outbox
    ) -> None:
        email = f"{uuid4().hex}@example.com"
        for _ in range(PER_ADDRESS + 2):
            await scheduling.resend(database, letters, email)
        assert len(await outbox.to(email)) == PER_ADDRESS
