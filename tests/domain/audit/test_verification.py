"""Whatever is done to the log behind its back is found, at the row where it was done first; and nothing else is."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from app.domain.audit import verification
from app.domain.audit.chain import Link, hash_of, seal_of
from app.domain.audit.verification import Fault, marks, verify
from app.domain.ids import UserId
from tests.domain.audit.log_of_ones_own import Log
from tests.domain.audit.log_read import chains

OLD = datetime.now(UTC) - timedelta(days=600)
# Comes after every other id.
UUID_LAST = UUID(int=2**128 - 1)
EDITS = {
    "action": "'session.opened'",
    "actor_id": "gen_random_uuid()",
    "actor_kind": "'operator'",
    "token_id": "gen_random_uuid()",
    "outcome": "'refused'",
    "subject_kind": "'team'",
    "subject_id": "'x'",
    "team_id": "gen_random_uuid()",
    "request_id": "'00000000'",
    "address": "'192.0.2.66'",
    "changed": """'{"number": [null, 0]}'""",
    "at": "at + interval '1 microsecond'",
    "id": "gen_random_uuid()",
    "salt": "'\\x00'",
    "seal": "'\\x00'",
    "hash": "'\\x00'",
}


@pytest.fixture
async def log(own_log: Log, monkeypatch: pytest.MonkeyPatch) -> Log:
    """Ten entries, to be read in four batches."""
    monkeypatch.setattr(verification, "BATCH", 3)
    await own_log.write(10, actor=UserId(uuid4()))
    return own_log


class TestUntouched:
    async def test_it_holds(self, log: Log) -> None:
        report = await log.report()
        assert (report.breaks, report.rows, report.chains, report.forgotten) == ([], 10, 1, 0)

    async def test_an_empty_one_holds(self, own_log: Log) -> None:
        assert (await own_log.report()).breaks == []

    async def test_it_holds_while_it_grows(self, log: Log) -> None:
        for _ in range(4):
            _, report = await asyncio.gather(log.write(15), log.report())
            assert report.breaks == []
        assert (await log.report()).rows == 70


class TestEdited:
    @pytest.mark.parametrize("column", EDITS)
    async def test_each_column_counts(self, column: str, log: Log) -> None:
        edit = "UPDATE audit_log SET {} = {} WHERE number = 4"
        await log.tamper(edit.format(column, EDITS[column]))
        found = await log.only_break()
        assert (found.number, found.fault) == (4, Fault.EDITED)
        assert found.id == await log.id_of(4)

    def test_no_column_is_left_out(self) -> None:
        """But the place in the chain, which is tested below, and the reason to forget."""
        assert set(EDITS) == set(Link.__struct_fields__) - {"number", "forgotten_by"}

    async def test_a_right_hash_of_the_edited_row_alone_shows_at_the_next(self, log: Log) -> None:
        await forge(log, 4, last=4)
        assert await log.first_fault() == (5, Fault.EDITED)

    async def test_right_hashes_of_all_that_follows_show_at_the_head(self, log: Log) -> None:
        await forge(log, 4, last=10)
        assert await log.first_fault() == (10, Fault.EDITED)

    async def test_a_head_of_an_earlier_day_shows_what_was_written_anew_with_its_head(self, log: Log) -> None:
        kept_elsewhere = await marks(log.database.reader)
        last = await forge(log, 4, last=10)
        await log.tamper("UPDATE audit_chains SET hash = $1", last)
        assert (await log.report()).breaks == [], "nothing in the database itself can tell"
        found = await log.only_break(kept_elsewhere)
        assert (found.number, found.fault) == (10, Fault.REPLACED)


async def forge(log: Log, number: int, *, last: int) -> bytes:
    """Makes another actor of one row, and the chain right again up to `last`; the hash there."""
    await log.tamper("UPDATE audit_log SET actor_id = gen_random_uuid() WHERE number = $1", number)
    ((_, links),) = (await chains(log.database)).items()
    previous = links[number - 2].hash
    for link in links[number - 1 : last]:
        previous = hash_of(previous, link)
        await log.tamper("UPDATE audit_log SET hash = $1 WHERE number = $2", previous, link.number)
    return previous


class TestRemoved:
    @pytest.mark.parametrize(
        ("which", "first"), [("= 1", 1), ("= 4", 4), ("IN (4, 5, 8)", 4), ("= 10", 10), ("> 7", 8), ("> 0", 1)]
    )
    async def test_the_first_that_is_missing_is_named(self, which: str, first: int, log: Log) -> None:
        delete = "DELETE FROM audit_log WHERE number {}"
        await log.tamper(delete.format(which))
        assert await log.first_fault() == (first, Fault.REMOVED)

    async def test_the_numbers_closed_up_behind_it(self, log: Log) -> None:
        await log.tamper("DELETE FROM audit_log WHERE number = 4")
        await log.tamper("UPDATE audit_log SET number = number - 1 WHERE number > 4")
        assert await log.first_fault() == (4, Fault.EDITED)

    async def test_a_whole_month_thrown_away(self, log: Log) -> None:
        await log.tamper(f"DROP TABLE audit_log_{datetime.now(UTC):%Y_%m}")
        assert await log.first_fault() == (1, Fault.REMOVED)

    async def test_a_whole_month_with_its_heads_is_missed_by_who_kept_them(self, log: Log) -> None:
        kept_elsewhere = await marks(log.database.reader)
        await log.tamper("DELETE FROM audit_log")
        await log.tamper("DELETE FROM audit_chains")
        assert (await log.report()).breaks == []
        found = await log.only_break(kept_elsewhere)
        assert (found.number, found.fault) == (1, Fault.REMOVED)


class TestDropped:
    """Whoever owns the database may try to let it look as if a month had been old enough to go."""

    PRETEND = "UPDATE audit_chains SET dropped_number = number, dropped_hash = hash"

    async def test_a_month_that_is_not_old_enough(self, log: Log) -> None:
        await log.tamper("DELETE FROM audit_log")
        await log.tamper(self.PRETEND)
        assert await log.first_fault() == (1, Fault.DROPPED)

    async def test_the_entry_has_to_say_the_same_chain_and_number(self, own_log: Log) -> None:
        await own_log.write_at(OLD, 3)
        await own_log.owner.fetch("SELECT audit_drop_months()")
        assert (await own_log.report()).breaks == []
        await own_log.tamper("UPDATE audit_chains SET dropped_number = 2, number = 2 WHERE dropped_number = 3")
        assert await own_log.first_fault() == (1, Fault.DROPPED)

    @pytest.mark.parametrize(
        "entry", ['{{"month": ["{month}", null], "rows": [[[{chain}, 10]], null]}}', "[1]", '{{"month": ["x", null]}}']
    )
    async def test_a_forged_entry_is_no_reason(self, entry: str, log: Log) -> None:
        """Made before the month was old enough, or not what the database writes."""
        chain = await log.owner.fetchval("SELECT chain FROM audit_chains")
        await log.owner.execute(
            "SELECT audit_tell(gen_random_uuid(), 'audit.month_dropped', NULL, $1::json)",
            entry.format(month=f"{datetime.now(UTC):%Y-%m}", chain=chain),
        )
        await log.tamper(
            "UPDATE audit_chains SET dropped_number = 10,"
            " dropped_hash = (SELECT hash FROM audit_log WHERE number = 10 AND chain = $1) WHERE chain = $1",
            chain,
        )
        await log.tamper("DELETE FROM audit_log WHERE number <= 10 AND chain = $1", chain)
        found = await log.only_break()
        assert (found.place and found.place.chain, found.number, found.fault) == (chain, 1, Fault.DROPPED)

    async def test_an_entry_that_has_left_with_its_own_month_is_believed(self, own_log: Log) -> None:
        """The older month was dropped when the younger one was written, and told there."""
        await own_log.write_at(OLD, 3)
        await own_log.owner.fetch("SELECT audit_drop_months()")
        await own_log.write_at(OLD + timedelta(days=150), 2)
        await own_log.owner.fetch("SELECT audit_drop_months()")
        await own_log.tamper("DELETE FROM audit_log WHERE changed->'month'->>0 = $1", f"{OLD:%Y-%m}")
        places = {found.place for found in (await own_log.report()).breaks}
        assert {place.month for place in places if place} == {datetime.now(UTC).date().replace(day=1)}


class TestMoved:
    @pytest.mark.parametrize(("one", "other"), [(3, 4), (3, 7), (1, 10), (9, 10)])
    async def test_two_that_changed_places_are_named_at_the_first(self, one: int, other: int, log: Log) -> None:
        swap = "UPDATE audit_log SET number = CASE number WHEN $1 THEN $2 ELSE $1 END WHERE number IN ($1, $2)"
        await log.tamper(swap, one, other)
        assert await log.first_fault() == (one, Fault.MOVED)


class TestAdded:
    COPY = (
        "INSERT INTO audit_log (at, id, actor_kind, action, outcome, chain, number, salt, seal, hash) "
        "SELECT {at}, $2, actor_kind, action, outcome, {chain}, {number}, salt, seal, $3 "
        "FROM audit_log WHERE number = $1"
    )

    async def copy(
        self, log: Log, of: int, *, at: str = "at", chain: str = "chain", number: str = "number", found: bytes = b""
    ) -> None:
        await log.tamper(self.COPY.format(at=at, chain=chain, number=number), of, UUID_LAST, found)

    async def test_a_second_one_of_a_number(self, log: Log) -> None:
        await self.copy(log, 3)
        found = await log.only_break()
        assert (found.number, found.fault, found.id) == (3, Fault.ADDED, UUID_LAST)

    async def test_one_behind_the_last_even_with_the_right_hash(self, log: Log) -> None:
        ((_, links),) = (await chains(log.database)).items()
        last = links[-1]
        salt, changed = b"0" * 16, None
        forged = Link(11, last.at, UUID_LAST, "user", None, None, "x", "done", None, None, None, None,
                      seal_of(salt, None, changed), salt, None, changed, b"")  # fmt: skip
        await log.tamper(
            "INSERT INTO audit_log (at, id, actor_kind, action, outcome, chain, number, salt, seal, hash) "
            "SELECT $1, $2, 'user', 'x', 'done', chain, 11, $3, $4, $5 FROM audit_log WHERE number = 1",
            forged.at, forged.id, salt, forged.seal, hash_of(last.hash, forged),
        )  # fmt: skip
        assert await log.first_fault() == (11, Fault.ADDED)

    @pytest.mark.parametrize("chain", [99, -1])
    async def test_one_in_a_chain_that_does_not_exist(self, chain: int, log: Log) -> None:
        await self.copy(log, 3, chain=str(chain), number="1")
        assert await log.first_fault() == (1, Fault.ADDED)

    async def test_one_in_a_month_that_does_not_exist(self, log: Log) -> None:
        await self.copy(log, 3, at="'2019-05-17'")
        found = await log.only_break()
        assert (found.place and found.place.month, found.fault) == (date(2019, 5, 1), Fault.ADDED)

    @pytest.mark.parametrize("at", ["infinity", "-infinity", "1999-12-31 23:59:59+00", "3000-01-01 00:00:00+00"])
    async def test_one_of_a_time_outside_of_all_months(self, at: str, log: Log) -> None:
        await self.copy(log, 3, at=f"'{at}'")
        found = await log.only_break()
        assert (found.place, found.fault, found.id) == (None, Fault.ASTRAY, UUID_LAST)


class TestForgotten:
    async def test_without_an_entry_that_says_so_it_is_a_fault(self, log: Log) -> None:
        await log.tamper(
            "UPDATE audit_log SET salt = NULL, address = NULL, changed = NULL, forgotten_by = $1 WHERE number = 4",
            await log.id_of(3),
        )
        assert await log.first_fault() == (4, Fault.FORGOTTEN)

    async def test_with_what_it_should_have_forgotten_it_is_a_fault(self, log: Log) -> None:
        await log.tamper("UPDATE audit_log SET salt = NULL WHERE number = 4")
        assert await log.first_fault() == (4, Fault.FORGOTTEN)

    async def test_the_entry_has_to_be_about_the_same_person(self, log: Log) -> None:
        somebody_else = UserId(uuid4())
        await log.owner.execute("SELECT audit_forget($1)", somebody_else)
        await log.tamper(
            "UPDATE audit_log SET salt = NULL, address = NULL, changed = NULL, forgotten_by = $1 WHERE number = 4",
            await log.owner.fetchval("SELECT id FROM audit_log WHERE action = 'person.forgotten'"),
        )
        faults = {found.fault for found in (await log.report()).breaks}
        assert faults == {Fault.FORGOTTEN}


async def test_every_chain_tells_its_own_break(own_log: Log) -> None:
    """Two months, and both of them touched."""
    await own_log.write(5)
    await own_log.write_at(datetime(2025, 3, 1, tzinfo=UTC), 5)
    await own_log.tamper("UPDATE audit_log SET outcome = 'refused' WHERE number = 2")
    found = (await own_log.report()).breaks
    assert [(each.place and each.place.month.year, each.number) for each in found] == [
        (2025, 2),
        (datetime.now(UTC).year, 2),
    ]
    only = await verify(own_log.database.reader, month=datetime(2025, 3, 1, tzinfo=UTC).date())
    assert [each.place and each.place.month.year for each in only.breaks] == [2025]
