"""The long versions of the proofs of coherence, with their counts: `python -m tests.failures.coherence`.

20,000 pairs of a write and a read; a minute of races with Redis held back, and with touches cut; Redis killed, frozen
for half a minute, and restarted under load. Takes some six minutes. Ends with status 1 if anything stale was found.
"""

import asyncio
import shutil
import sys
import time

import uvloop

from app.cache.announcing import NOTICED_SECONDS
from app.database import migrations
from app.local_stack import LocalStack
from tests.conftest import directory_for_servers
from tests.failures import test_cache_outages as outages
from tests.failures import test_cache_races as races
from tests.failures.two_workers import working
from tests.failures.written_and_read import Findings, write_and_read, writers

PAIRS = 20_000
RACE_SECONDS = 60.0
CUTS = 5
FROZEN_SECONDS = 30.0


def say(what: str, **figures: object) -> None:
    """Prints one line."""
    print(f"{what}:", ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.items()), flush=True)  # noqa: T201 - by hand


async def pairs(database_url: str, redis_url: str) -> int:
    """Twenty clients write through one worker and read through the other. Returns how much was stale or failed."""
    async with working(database_url, [redis_url] * 2, store_url=redis_url) as workers:
        findings, began = Findings(), time.monotonic()
        await write_and_read(await writers(workers, 20), findings, until=lambda: findings.pairs >= PAIRS)
    say(
        "pairs",
        pairs=findings.pairs,
        stale=len(findings.stale),
        failed=len(findings.failed),
        reads=dict(findings.reads),
        seconds=round(time.monotonic() - began),
    )
    return len(findings.stale) + len(findings.failed)


async def held_back(database_url: str, redis_url: str) -> int:
    """Writes to Redis held back at random, then touches cut. Returns how much was stale, failed or kept wrongly."""
    async with races.delayed(database_url, redis_url) as way:
        bad = 0
        for number in range(CUTS + 1):
            if number:
                name, keys = f"cut {number}", await races.race_with_a_cut(way, seconds=races.CUT_SECONDS)
            else:
                name, keys = "held back", await races.race(way, seconds=RACE_SECONDS)
            mismatches = await keys.mismatches()
            say(
                name,
                writes=keys.writes,
                reads=keys.reads,
                stale=len(keys.stale),
                failed=len(keys.failed),
                compared=2 * len(keys.paths),
                mismatches=len(mismatches),
            )
            bad += len(keys.stale) + len(keys.failed) + len(mismatches)
    return bad


async def away(servers: LocalStack) -> int:
    """Redis killed, frozen and restarted. Returns how much was stale or failed, and who was let in wrongly."""
    valkey, redis_url, bad = servers.valkey, servers.redis_url(), 0
    assert valkey is not None
    async with working(servers.database_url("postgres"), [redis_url] * 2, store_url=redis_url) as workers:
        for name, begin, end, seconds in (
            ("killed", valkey.kill, valkey.start, 5.0),
            ("frozen", valkey.freeze, valkey.thaw, FROZEN_SECONDS),
            ("restarted", valkey.kill, valkey.start, 0.0),
        ):
            seen = await outages.outage(workers, begin, end, away_seconds=seconds)
            await outages.assert_settled(seen)
            say(
                name,
                requests=len(seen.findings.answers),
                failed=len(seen.findings.failed),
                stale=len(seen.stale),
                stale_while_one_worker_had_redis=len(seen.findings.stale) - len(seen.stale),
                seen_within_seconds=NOTICED_SECONDS,
                let_in=len(seen.let_in),
                p99_ms_before=round(seen.normal_p99_seconds * 1000),
                p99_ms_after_a_second=round(seen.p99_seconds * 1000),
                healed_after_seconds=round(seen.healed_at - seen.ended_at, 1),
            )
            bad += len(seen.stale) + len(seen.findings.failed) + len(seen.let_in)
    return bad


def main() -> int:
    """Runs all of them on servers of their own."""
    directory = directory_for_servers()
    try:
        with LocalStack(directory) as servers:
            url, redis_url = servers.database_url("postgres"), servers.redis_url()
            migrations.upgrade(url)
            bad = uvloop.run(pairs(url, redis_url)) + uvloop.run(held_back(url, redis_url))
            bad += asyncio.run(away(servers))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
