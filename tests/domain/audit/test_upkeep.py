"""Months come in time and go in time, people can be forgotten, and the chains hold through all of it."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest

from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.audit.verification import Report
from app.domain.ids import UserId
from app.domain.unit_of_work import unit_of_work
from app.telemetry import request_origin
from tests.domain.audit.log_of_ones_own import Log, pool_of_one
from tests.domain.audit.log_read import by_actor, by_subject
from tests.factories import make_user

FAR = datetime(2031, 5, 17, 12, tzinfo=UTC)


async def partitions(log: Log) -> set[str]:
    rows = await log.owner.fetch(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_log'::regclass"
    )
    return {row[0] for row in rows}


async def partition_of(log: Log, moment: datetime) -> str:
    return str(await log.owner.fetchval("SELECT tableoid::regclass::text FROM audit_log WHERE at = $1", moment))


async def make_month(log: Log, day: date) -> bool:
    return bool(await log.owner.fetchval("SELECT audit_make_month($1)", day))


async def holds(log: Log, rows: int) -> Report:
    report = await log.report()
    assert (report.breaks, report.rows) == ([], rows)
    return report


class TestMonths:
    async def test_this_one_and_the_next_three_are_there_from_the_start_and_stay_so(self, own_log: Log) -> None:
        assert await audit.make_months(own_log.database) == 0
        month = datetime.now(UTC).replace(day=1)
        wanted = {"audit_log_default"}
        for _ in range(4):
            wanted.add(f"audit_log_{month:%Y_%m}")
            month = (month + timedelta(days=32)).replace(day=1)
        assert await partitions(own_log) == wanted

    async def test_a_missing_one_is_made_once_even_by_two_workers(self, own_log: Log) -> None:
        await own_log.tamper(f"DROP TABLE audit_log_{datetime.now(UTC):%Y_%m}")
        async with pool_of_one(own_log.url) as other:
            made = await asyncio.gather(audit.make_months(own_log.database), audit.make_months(other))
        assert sorted(made) == [0, 1]

    async def test_what_came_before_its_month_was_made_moves_there_as_it_is(self, own_log: Log) -> None:
        await own_log.write_at(FAR, 5)
        await own_log.write_at(FAR + timedelta(days=40), 2)
        assert await partition_of(own_log, FAR) == "audit_log_default"
        before = await own_log.owner.fetch("SELECT * FROM audit_log ORDER BY at, number")
        assert await make_month(own_log, FAR.date())
        assert await partition_of(own_log, FAR) == "audit_log_2031_05"
        assert await partition_of(own_log, FAR + timedelta(days=40)) == "audit_log_default"
        assert await own_log.owner.fetch("SELECT * FROM audit_log ORDER BY at, number") == before
        await own_log.write_at(FAR, 5)
        await holds(own_log, 12)

    async def test_a_new_one_refuses_what_the_others_refuse(self, own_log: Log) -> None:
        await own_log.write_at(FAR, 1)
        await make_month(own_log, FAR.date())
        for statement in (
            "UPDATE {} SET action = 'y'",
            "DELETE FROM {}",
            "TRUNCATE {}",
        ):
            for table in ("audit_log_2031_05", "audit_log"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError, match="only ever added to"):
                    await own_log.owner.execute(statement.format(table))


class TestRetention:
    OLD = datetime.now(UTC) - timedelta(days=500)
    YOUNG = datetime.now(UTC) - timedelta(days=300)

    async def test_a_month_goes_when_all_of_it_is_old_enough(self, own_log: Log) -> None:
        for moment in (self.OLD, self.YOUNG):
            await own_log.write_at(moment, 3)
        assert await audit.drop_old_months(own_log.database) == 1
        assert await own_log.owner.fetchval("SELECT count(*) FROM audit_log WHERE action = 'x'") == 3
        await holds(own_log, 4)

    async def test_it_is_told_how_much_of_which_month_is_gone(self, own_log: Log) -> None:
        await own_log.write_at(self.OLD, 3)
        await audit.drop_old_months(own_log.database)
        told = await own_log.owner.fetchrow(
            "SELECT actor_kind, changed::text FROM audit_log WHERE action = $1", Action.MONTH_DROPPED
        )
        chain = await own_log.owner.fetchval("SELECT chain FROM audit_chains WHERE dropped_number = 3")
        assert tuple(told or ()) == (
            "system",
            f'{{"month" : ["{self.OLD:%Y-%m}", null], "rows" : [[[{chain}, 3]], null]}}',
        )

    async def test_nothing_is_dropped_twice_or_by_two_at_once(self, own_log: Log) -> None:
        await own_log.write_at(self.OLD, 3)
        async with pool_of_one(own_log.url) as other:
            dropped = await asyncio.gather(*map(audit.drop_old_months, (own_log.database, other)))
        assert sorted(dropped) == [0, 1]
        assert await audit.drop_old_months(own_log.database) == 0

    async def test_what_is_added_to_a_dropped_month_follows_from_where_it_ended(self, own_log: Log) -> None:
        """A clock that is wrong, or a transaction that took very long."""
        await own_log.write_at(self.OLD, 3)
        await audit.drop_old_months(own_log.database)
        await own_log.write_at(self.OLD, 2)
        assert await own_log.owner.fetchval("SELECT max(number) FROM audit_log WHERE action = 'x'") == 5
        await holds(own_log, 3)
        assert await audit.drop_old_months(own_log.database) == 1
        await holds(own_log, 2)

    async def test_its_end_is_still_held_against_it(self, own_log: Log) -> None:
        await own_log.write_at(self.OLD, 3)
        await audit.drop_old_months(own_log.database)
        await own_log.write_at(self.OLD, 2)
        await own_log.tamper("UPDATE audit_chains SET dropped_hash = '\\x00' WHERE dropped_number = 3")
        assert len((await own_log.report()).breaks) == 1

    async def test_nobody_keeps_it_for_less_than_ninety_days(self, own_log: Log) -> None:
        with pytest.raises(asyncpg.CheckViolationError):
            await own_log.owner.execute("SELECT audit_keep(89)")
        await own_log.owner.execute("SELECT audit_keep(90)")
        await own_log.write_at(self.YOUNG, 1)
        assert await audit.drop_old_months(own_log.database) == 1

    async def test_another_time_to_keep_it_is_told_and_the_same_is_not(self, own_log: Log) -> None:
        for days in (365, 400, 400):
            await own_log.owner.execute("SELECT audit_keep($1)", days)
        told = await own_log.owner.fetch(
            "SELECT changed::text FROM audit_log WHERE action = $1", Action.RETENTION_CHANGED
        )
        assert [row[0] for row in told] == ['{"days" : [365, 400]}']


class TestForget:
    async def person(self, log: Log) -> UserId:
        """Somebody who did a few things, and to whom a few were done; their account is gone."""
        person, admin = UserId(uuid4()), UserId(uuid4())

        async def request() -> None:
            request_origin.of_request({"request_id": "0123456789", "client_address": "192.0.2.1"})
            for actor, subject in (
                (person, Subject("todo", uuid4())),
                (admin, Subject("user", person)),
                (admin, Subject("user", admin)),
            ):
                async with unit_of_work(log.database) as work:
                    audit.record(work, Action.TODO_CHANGED, actor=actor, subject=subject, changed={"x": (1, 2)})

        await asyncio.create_task(request())
        return person

    async def forget(self, log: Log, person: UserId) -> int:
        async with unit_of_work(log.database) as work:
            return await audit.forget(work, person)

    async def test_nothing_is_left_that_tells_who_it_was_and_the_chain_holds(self, own_log: Log) -> None:
        person = await self.person(own_log)
        assert await self.forget(own_log, person) == 2
        (did,), (done_to, told) = await by_actor(own_log.database, person), await by_subject(own_log.database, person)
        assert (did.address, did.changed, did.action) == (None, {}, "todo.changed")
        assert (done_to.address, done_to.changed) == (None, {})
        assert told.action == Action.PERSON_FORGOTTEN
        assert await own_log.owner.fetchval("SELECT count(*) FROM audit_log WHERE address = '192.0.2.1'") == 1
        assert (await holds(own_log, 4)).forgotten == 2

    async def test_twice_is_once(self, own_log: Log) -> None:
        person = await self.person(own_log)
        await self.forget(own_log, person)
        assert await self.forget(own_log, person) == 0
        await holds(own_log, 4)

    async def test_it_is_a_thousand_entries_at_a_time(self, own_log: Log) -> None:
        person = UserId(uuid4())
        async with unit_of_work(own_log.database) as work:
            for number in range(1001):
                audit.record(work, Action.TODO_CHANGED, actor=person, changed={"number": (None, number)})
        assert [await self.forget(own_log, person) for _ in range(3)] == [1000, 1, 0]
        assert (await holds(own_log, 1003)).forgotten == 1001

    async def test_whoever_has_an_account_is_not_forgotten(self, own_log: Log) -> None:
        user = await make_user(own_log.database)
        with pytest.raises(asyncpg.ObjectInUseError):
            await self.forget(own_log, user.id)

    async def test_its_owner_cannot_change_more_than_that(self, own_log: Log) -> None:
        await self.person(own_log)
        for change in ("action = 'y'", "salt = NULL", "salt = NULL, address = NULL, changed = NULL", "actor_id = NULL"):
            update = "UPDATE audit_log SET {}, forgotten_by = {}"
            for reason in ("NULL", "gen_random_uuid()"):
                if (change, reason) == ("salt = NULL, address = NULL, changed = NULL", "gen_random_uuid()"):
                    continue  # It is what forgetting does; without an entry that says so, verification finds it.
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await own_log.owner.execute(update.format(change, reason))
