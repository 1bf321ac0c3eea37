"""Blocking clients and letting them in again."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from app.database.executor import Database
from app.domain.blocks import commands, queries
from app.domain.blocks.block import LONGEST, SHORTEST, Block, duration
from app.domain.blocks.repository import BlockFilter
from app.domain.errors import Conflict, NotAllowed, NotFound
from app.domain.ids import BlockId, SessionId, TeamId, UserId
from app.domain.pages import PageRequest
from app.domain.users.caller import ADMINISTRATOR, Caller
from tests.addresses import unused_address
from tests.factories import make_user

HOUR = timedelta(hours=1)


@pytest.fixture
def client() -> str:
    """A client whom nobody has blocked."""
    return unused_address()


@pytest.fixture
async def admin(database: Database) -> Caller:
    user = await make_user(database, roles=(ADMINISTRATOR,))
    return caller(user.id, ADMINISTRATOR)


def caller(user_id: UserId, *roles: str) -> Caller:
    return Caller(user_id, SessionId(uuid4()), TeamId(uuid4()), "UTC", frozenset(roles), ())


async def offend(database: Database, client: str) -> Block | None:
    return await commands.block_offender(database, client, signals=["trap"], score=5.5)


async def end(database: Database, client: str, *, ago: str = "0") -> None:
    """Lets the blocks of a client be over since `ago`."""
    async with database.transaction() as work:
        await work._connection.raw.execute(
            "UPDATE address_blocks SET until = now() - $2::text::interval WHERE client_key = $1", client, ago
        )


class TestDuration:
    @pytest.mark.parametrize(
        ("strike", "minutes"), [(1, 15), (2, 30), (3, 60), (4, 120), (6, 480), (7, 960), (8, 1440), (1000, 1440)]
    )
    def test_it_doubles_up_to_a_day(self, strike: int, minutes: int):
        assert duration(strike) == timedelta(minutes=minutes)


class TestBlockOffender:
    async def test_the_first_block_lasts_a_quarter_of_an_hour(self, database: Database, client: str):
        block = await offend(database, client)
        assert block is not None
        assert (block.strike, block.signals, block.score, block.is_active) == (1, ["trap"], 5.5, True)
        assert block.until - block.since == SHORTEST
        assert block.created_by is None

    async def test_whoever_is_blocked_is_not_blocked_again(self, database: Database, client: str):
        await offend(database, client)
        assert await offend(database, client) is None

    async def test_processes_that_decide_it_at_once_make_one_block(self, database: Database, client: str):
        made = await asyncio.gather(*(offend(database, client) for _ in range(8)))
        assert sum(block is not None for block in made) == 1

    async def test_each_one_within_a_week_is_twice_as_long(self, database: Database, client: str):
        lengths = []
        for _ in range(9):
            block = await offend(database, client)
            assert block is not None
            lengths.append(block.until - block.since)
            await end(database, client)
        assert lengths[:3] == [SHORTEST, 2 * SHORTEST, 4 * SHORTEST]
        assert lengths[-2:] == [LONGEST, LONGEST]

    async def test_after_a_quiet_week_it_begins_anew(self, database: Database, client: str):
        await offend(database, client)
        await end(database, client, ago="8 days")
        block = await offend(database, client)
        assert block is not None
        assert block.strike == 1

    async def test_what_was_lifted_or_decided_by_hand_is_no_strike(
        self, database: Database, client: str, admin: Caller
    ):
        first = await offend(database, client)
        assert first is not None
        await commands.lift(database, admin, first.id)
        by_hand = await commands.block(database, admin, client, lasting=HOUR, note="")
        await end(database, client)
        assert by_hand.strike == 0
        block = await offend(database, client)
        assert block is not None
        assert block.strike == 1


class TestBlock:
    async def test_an_administrator_says_why_and_for_how_long(self, database: Database, client: str, admin: Caller):
        block = await commands.block(database, admin, client, lasting=HOUR, note="Scrapes.")
        assert (block.note, block.created_by, block.until - block.since) == ("Scrapes.", admin.user_id, HOUR)

    async def test_twice_is_a_conflict(self, database: Database, client: str, admin: Caller):
        await commands.block(database, admin, client, lasting=HOUR, note="")
        with pytest.raises(Conflict) as refused:
            await commands.block(database, admin, client, lasting=HOUR, note="")
        assert refused.value.code == "ALREADY_BLOCKED"

    async def test_nobody_else_may(self, database: Database, client: str):
        with pytest.raises(NotAllowed):
            await commands.block(database, caller(UserId(uuid4())), client, lasting=HOUR, note="")


class TestLift:
    async def test_it_ends_and_says_who_did_it(self, database: Database, client: str, admin: Caller):
        block = await offend(database, client)
        assert block is not None
        lifted = await commands.lift(database, admin, block.id)
        assert (lifted.is_active, lifted.lifted_by) == (False, admin.user_id)
        assert await offend(database, client) is not None

    async def test_what_is_over_cannot_be_lifted(self, database: Database, client: str, admin: Caller):
        block = await offend(database, client)
        assert block is not None
        await commands.lift(database, admin, block.id)
        with pytest.raises(NotFound):
            await commands.lift(database, admin, block.id)
        with pytest.raises(NotFound):
            await commands.lift(database, admin, BlockId(uuid4()))

    async def test_for_others_there_is_none(self, database: Database, client: str):
        block = await offend(database, client)
        assert block is not None
        with pytest.raises(NotFound):
            await commands.lift(database, caller(UserId(uuid4())), block.id)
        assert await offend(database, client) is None

    async def test_whoever_runs_the_service_lifts_all_of_a_client(self, database: Database, client: str):
        await offend(database, client)
        [lifted] = await commands.lift_client(database, client)
        assert (lifted.is_active, lifted.lifted_by) == (False, None)
        assert await commands.lift_client(database, client) == []


class TestPurge:
    async def test_what_was_over_a_month_ago_goes_and_nothing_else(self, database: Database, admin: Caller):
        old, young = unused_address(), unused_address()
        for client, ago in ((old, "31 days"), (young, "29 days")):
            await offend(database, client)
            await end(database, client, ago=ago)
        assert await commands.purge_ended(database) >= 1
        left = [await stored(database, admin, client) for client in (old, young)]
        assert [len(blocks) for blocks in left] == [0, 1]


async def stored(database: Database, admin: Caller, client: str, *, is_active: bool | None = None) -> list[Block]:
    filters = BlockFilter(is_active=is_active, client_key=client)
    return (await queries.page(database.reader, admin, PageRequest(100), filters=filters)).items


class TestList:
    async def test_those_in_force_and_those_that_are_over(self, database: Database, client: str, admin: Caller):
        await offend(database, client)
        await end(database, client)
        await offend(database, client)
        assert [block.strike for block in await stored(database, admin, client)] == [2, 1]
        assert [block.strike for block in await stored(database, admin, client, is_active=True)] == [2]
        assert [block.strike for block in await stored(database, admin, client, is_active=False)] == [1]

    async def test_it_is_for_administrators(self, database: Database, client: str):
        with pytest.raises(NotAllowed):
            await stored(database, caller(UserId(uuid4())), client)
