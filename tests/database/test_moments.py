"""Moments on their way from and to PostgreSQL."""

import datetime as dt
from collections.abc import AsyncIterator
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.database.executor import Database
from app.database.moments import microseconds_of, moment_of

MOMENT = dt.datetime(2026, 11, 22, 9, 30, 0, 123456, dt.UTC)
LATEST = dt.datetime.max.replace(tzinfo=dt.UTC)
EARLIEST = dt.datetime.min.replace(tzinfo=dt.UTC)


@pytest.fixture
async def connection(lone: Database) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """As the pool makes them."""
    pooled = await lone.pool.acquire()
    yield pooled.raw
    lone.pool.release(pooled)


@given(st.datetimes(timezones=st.just(dt.UTC)))
def test_every_moment_comes_back(moment: dt.datetime) -> None:
    assert moment_of(microseconds_of(moment)) == moment


@pytest.mark.parametrize("moment", [MOMENT, EARLIEST, LATEST, MOMENT.replace(year=1999, microsecond=0)])
async def test_postgresql_means_the_same(connection: "asyncpg.Connection[asyncpg.Record]", moment: dt.datetime) -> None:
    written = moment.isoformat(sep=" ")
    [row] = await connection.fetch(
        "SELECT $1::timestamptz AS read, $1 = $2::text::timestamptz AS same", moment, written
    )
    assert (row["read"], row["same"]) == (moment, True)
    assert row["read"].tzinfo is dt.UTC


async def test_a_moment_of_another_zone_is_the_same_moment(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    there = MOMENT.astimezone(ZoneInfo("Asia/Kolkata"))
    assert await connection.fetchval("SELECT $1::timestamptz", there) == MOMENT


async def test_lists_of_them_and_nothing_pass(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    moments = [MOMENT, None, EARLIEST]
    assert await connection.fetchval("SELECT $1::timestamptz[]", moments) == moments
    assert await connection.fetchval("SELECT $1::timestamptz", None) is None


@pytest.mark.parametrize(
    ("written", "read"), [("infinity", LATEST), ("-infinity", EARLIEST), ("294276-12-31 23:59:59Z", LATEST)]
)
async def test_what_python_cannot_say_is_the_last_or_the_first(
    connection: "asyncpg.Connection[asyncpg.Record]", written: str, read: dt.datetime
) -> None:
    assert await connection.fetchval("SELECT $1::text::timestamptz", written) == read


async def test_a_moment_without_a_zone_is_refused(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    with pytest.raises(asyncpg.DataError, match=r"\$1"):
        await connection.fetchval("SELECT $1::timestamptz", MOMENT.replace(tzinfo=None))
