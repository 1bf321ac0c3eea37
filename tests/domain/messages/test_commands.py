"""Messages are sent with the change that causes them, delivered at least once, and then forgotten."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import structlog

from app.database.executor import Database
from app.domain.messages import commands as messages
from app.domain.messages.message import Message, MessageId
from app.domain.unit_of_work import unit_of_work
from app.field_encryption import FieldCipher, field_cipher
from app.outbound.console import Off
from app.settings import load_settings
from tests.messages import FakeProvider, Outbox, empty_messages, later, never

CODE = "Your code is 123456."


def a_message(**parts: Any) -> Message:
    to = f"{uuid4().hex}@example.com"
    return Message(**{"kind": "login_code", "channel": "mail", "to": to, "subject": "Code", "text": CODE, **parts})


@pytest.fixture(autouse=True)
async def empty(database_url: str) -> None:
    await empty_messages(database_url)


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection past the service."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


async def write(database: Database, cipher: FieldCipher, *sent: Message) -> list[MessageId]:
    async with unit_of_work(database) as work:
        return [await messages.send(work, cipher, message) for message in sent]


async def make_due(rows: Any) -> None:
    """As if the pause of every message were over."""
    await rows.execute("UPDATE messages SET next_attempt_at = now() WHERE finished_at IS NULL")


class TestSend:
    async def test_it_waits_for_the_worker(self, database: Database, cipher: FieldCipher, outbox: Outbox):
        message = a_message()
        await write(database, cipher, message)
        sent = await outbox.last_to(message.to)
        assert (sent.kind, sent.channel, sent.subject, sent.text) == ("login_code", "mail", "Code", CODE)
        assert sent.code == "123456"

    async def test_a_change_that_fails_sends_nothing(
        self, database: Database, cipher: FieldCipher, outbox: Outbox, provider: FakeProvider
    ):
        message = a_message()

        async def fail_after_sending() -> None:
            async with unit_of_work(database) as work:
                await messages.send(work, cipher, message)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail_after_sending()
        assert await outbox.to(message.to) == []
        assert await messages.deliver(database, cipher, provider, "mail") == 0

    async def test_the_database_holds_neither_recipient_nor_content(
        self, database: Database, cipher: FieldCipher, rows: Any
    ):
        message = a_message(subject="Reset your password")
        await write(database, cipher, message)
        stored = (await rows.fetchval("SELECT string_agg(messages::text, '') FROM messages")).encode()
        for private in (message.to, message.subject, message.text):
            assert private.encode() not in stored
            assert private.encode().hex().encode() not in stored
        assert b"login_code" in stored


class TestDeliver:
    async def test_each_message_is_delivered_once_in_its_channel(
        self, database: Database, cipher: FieldCipher, provider: FakeProvider
    ):
        mails = [a_message() for _ in range(25)]
        await write(database, cipher, *mails, a_message(channel="sms", to="+491701234567"))
        assert await messages.deliver(database, cipher, provider, "mail") == 25
        assert await messages.deliver(database, cipher, provider, "mail") == 0
        assert sorted(taken.to for taken in provider.taken) == sorted(mail.to for mail in mails)
        assert {(taken.subject, taken.text) for taken in provider.taken} == {("Code", CODE)}

    async def test_what_was_delivered_is_wiped(
        self, database: Database, cipher: FieldCipher, provider: FakeProvider, rows: Any
    ):
        await write(database, cipher, a_message())
        await messages.deliver(database, cipher, provider, "mail")
        row = await rows.fetchrow("SELECT * FROM messages")
        assert (row["recipient"], row["subject"], row["content"]) == (None, None, None)
        assert (row["outcome"], row["attempts"], row["finished_at"] is None) == ("delivered", 1, False)

    async def test_a_failure_is_tried_again_later_under_the_same_id(
        self, database: Database, cipher: FieldCipher, provider: FakeProvider, rows: Any
    ):
        provider.failures = [later(), ValueError("a bug")]
        (message_id,) = await write(database, cipher, a_message())
        for _ in range(2):
            assert await messages.deliver(database, cipher, provider, "mail") == 1
            assert await messages.deliver(database, cipher, provider, "mail") == 0, "not before its pause is over"
            await make_due(rows)
        await messages.deliver(database, cipher, provider, "mail")
        assert [taken.id for taken in provider.taken] == [message_id]
        assert await rows.fetchval("SELECT attempts FROM messages") == 3

    async def test_what_nobody_will_take_is_given_up_and_wiped(
        self, database: Database, cipher: FieldCipher, provider: FakeProvider, rows: Any
    ):
        provider.failures = [never()]
        await write(database, cipher, a_message())
        await messages.deliver(database, cipher, provider, "mail")
        await make_due(rows)
        assert await messages.deliver(database, cipher, provider, "mail") == 0
        assert await rows.fetchval("SELECT outcome FROM messages WHERE content IS NULL") == "refused"

    async def test_a_channel_that_is_switched_off_keeps_nothing(
        self, database: Database, cipher: FieldCipher, rows: Any
    ):
        await write(database, cipher, a_message())
        await messages.deliver(database, cipher, Off("mail"), "mail")
        assert await rows.fetchval("SELECT outcome FROM messages WHERE content IS NULL") == "refused"

    async def test_what_has_expired_is_not_sent_and_wiped(
        self, database: Database, cipher: FieldCipher, provider: FakeProvider, rows: Any
    ):
        provider.failures = [later()]
        await write(database, cipher, a_message(lifetime=timedelta(milliseconds=500)))
        await messages.deliver(database, cipher, provider, "mail")
        due, expires = await rows.fetchrow("SELECT next_attempt_at, expires_at FROM messages")
        assert due == expires, "so that it is wiped then, however long the pause"
        await rows.execute("UPDATE messages SET expires_at = now(), next_attempt_at = now()")
        await messages.deliver(database, cipher, provider, "mail")
        assert (provider.attempts, provider.taken) == (1, [])
        assert await rows.fetchval("SELECT outcome FROM messages WHERE content IS NULL") == "expired"

    async def test_one_bad_message_stops_no_other(
        self, database: Database, cipher: FieldCipher, provider: FakeProvider, rows: Any
    ):
        bad, good = await write(database, cipher, a_message(), a_message())
        await rows.execute("UPDATE messages SET content = recipient WHERE id = $1", bad)
        with structlog.testing.capture_logs() as logs:
            await messages.deliver(database, cipher, provider, "mail")
        assert [taken.id for taken in provider.taken] == [good]
        (complaint,) = [log for log in logs if log["log_level"] == "error"]
        assert f"messages.content:{bad}" in complaint["reason"]

    async def test_a_lost_key_is_said_and_the_message_waits_for_it(
        self, database: Database, cipher: FieldCipher, provider: FakeProvider, rows: Any
    ):
        await write(database, cipher, a_message())
        other = field_cipher(load_settings(ENCRYPTION_KEYS="other:" + "A" * 43 + "=").encryption)
        with structlog.testing.capture_logs() as logs:
            await messages.deliver(database, other, provider, "mail")
        assert "'development'" in "".join(log.get("reason", "") for log in logs)
        await make_due(rows)
        await messages.deliver(database, cipher, provider, "mail")
        assert len(provider.taken) == 1

    async def test_logs_name_nobody(self, database: Database, cipher: FieldCipher, provider: FakeProvider):
        provider.failures = [later(), never()]
        sent = [a_message(subject="Reset your password") for _ in range(3)]
        await write(database, cipher, *sent)
        with structlog.testing.capture_logs() as logs:
            await messages.deliver(database, cipher, provider, "mail")
        assert len(logs) == 3
        shown = str(logs)
        for message in sent:
            assert not [part for part in (message.to, message.subject, message.text) if part in shown]


class TestCrash:
    async def test_what_a_dead_worker_had_is_delivered_when_its_lease_is_over(
        self, database: Database, cipher: FieldCipher, provider: FakeProvider, rows: Any
    ):
        class Dying(FakeProvider):
            async def deliver(self, outgoing: Any) -> None:
                await super().deliver(outgoing)
                await asyncio.Event().wait()

        dying = Dying()
        (message_id,) = await write(database, cipher, a_message())
        task = asyncio.create_task(messages.deliver(database, cipher, dying, "mail"))
        while not dying.taken:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await messages.deliver(database, cipher, provider, "mail") == 0, "the lease still runs"
        assert await rows.fetchval("SELECT next_attempt_at > now() + interval '40 s' FROM messages")
        await make_due(rows)
        await messages.deliver(database, cipher, provider, "mail")
        assert [taken.id for taken in (*dying.taken, *provider.taken)] == [message_id] * 2, (
            "the id tells it is the same"
        )

    async def test_two_workers_share_the_work(self, database: Database, cipher: FieldCipher):
        await write(database, cipher, *(a_message() for _ in range(60)))
        workers = [FakeProvider() for _ in range(3)]
        await asyncio.gather(*(messages.deliver(database, cipher, each, "mail") for each in workers))
        taken = [outgoing.id for each in workers for outgoing in each.taken]
        assert len(taken) == len(set(taken)) == 60

    async def test_who_comes_back_too_late_records_nothing(
        self, database: Database, cipher: FieldCipher, provider: FakeProvider, rows: Any
    ):
        """The first worker stalls beyond its lease, another takes the message and fails; only that counts."""
        stalled = asyncio.Event()

        class Stalling(FakeProvider):
            async def deliver(self, outgoing: Any) -> None:
                await super().deliver(outgoing)
                await stalled.wait()

        slow = Stalling()
        await write(database, cipher, a_message())
        task = asyncio.create_task(messages.deliver(database, cipher, slow, "mail"))
        while not slow.taken:
            await asyncio.sleep(0.01)
        await make_due(rows)
        provider.failures = [later()]
        await messages.deliver(database, cipher, provider, "mail")
        stalled.set()
        await task
        assert await rows.fetchval("SELECT finished_at IS NULL AND attempts = 2 FROM messages")


class TestPurge:
    async def test_what_ended_a_week_ago_goes_and_nothing_else(
        self, database: Database, cipher: FieldCipher, provider: FakeProvider, rows: Any
    ):
        await write(database, cipher, *(a_message() for _ in range(2)))
        await messages.deliver(database, cipher, provider, "mail")
        await write(database, cipher, a_message())
        old: UUID = await rows.fetchval("SELECT id FROM messages WHERE finished_at IS NOT NULL LIMIT 1")
        await rows.execute("UPDATE messages SET finished_at = now() - interval '8 days' WHERE id = $1", old)
        assert await messages.purge(database) == 1
        assert await rows.fetchval("SELECT count(*) FROM messages") == 2
        assert await rows.fetchval("SELECT count(*) FROM messages WHERE id = $1", old) == 0


class TestPause:
    def test_it_doubles_up_to_a_minute_and_differs(self):
        pauses = [[messages.pause_after(attempts).total_seconds() for _ in range(50)] for attempts in range(1, 12)]
        for number, found in enumerate(pauses, start=1):
            longest = min(2**number, 60)
            assert longest / 2 <= min(found) < max(found) <= longest
