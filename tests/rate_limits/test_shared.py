"""Budgets in Redis: one script for a turn, on its clock, and what becomes of them when it goes and comes back."""

import asyncio
import random
import time
from pathlib import Path

import time_machine

from app.rate_limits import shared as shared_module
from app.rate_limits.budgets import ADMITTED, BLOCK_PREFIX, BLOCKED, PREFIX, REFUSED, Limit
from app.rate_limits.in_process import LocalBudgets
from app.redis.link import ANSWER_SECONDS, Link
from tests.rate_limits.budgets_made import CLIENT, DAY, MINUTE, Sharing, charge_of
from tests.rate_limits.conftest import sharing_over
from tests.redis.links import linked, until_connected
from tests.redis_proxy import RedisProxy
from tests.valkey_servers import Cluster, SentinelSet, Valkey, until


class TestCharging:
    async def test_the_whole_amount_goes_and_not_one_more(self, sharing: Sharing) -> None:
        assert (await sharing.verdicts(Limit("x", 10, DAY), 12)) == [ADMITTED] * 10 + [REFUSED] * 2
        assert sharing.local.decisions == 0

    async def test_processes_count_together(self, sharing: Sharing, shared: Valkey) -> None:
        limit = Limit("x", 100, DAY)
        async with linked(shared.url) as link:
            await until_connected(link)
            other = sharing_over(link)
            found = await asyncio.gather(*(each.verdicts(limit, 80) for each in (sharing, other)))
        assert sum(verdicts.count(ADMITTED) for verdicts in found) == 100

    async def test_time_gives_back(self, sharing: Sharing) -> None:
        limit = Limit("x", 10, 1)
        await sharing.charge((limit, 10))
        refused = await sharing.charge((limit, 1))
        assert refused.verdict == REFUSED
        await asyncio.sleep(refused.wait_us / 1_000_000)
        assert (await sharing.charge((limit, 1))).verdict == ADMITTED

    async def test_a_refusal_charges_nothing(self, sharing: Sharing) -> None:
        wide, narrow = Limit("wide", 100, DAY), Limit("narrow", 1, DAY)
        found = [await sharing.charge((wide, 1), (narrow, 1)) for _ in range(20)]
        assert [each.verdict for each in found] == [ADMITTED] + [REFUSED] * 19
        assert found[-1].limit is narrow
        assert (await sharing.charge((wide, 1))).remaining == 98

    async def test_it_decides_as_the_budgets_of_one_process_do(self, sharing: Sharing) -> None:
        """The script and its twin, on the same thousand charges; a day's windows, so that no clock tells them apart."""
        limits = [Limit("a", 900, DAY), Limit("b", 400, DAY), Limit("c", 700, DAY)]
        twin, choose = LocalBudgets(), random.Random(5)
        for _ in range(1000):
            items = [(limit, choose.choice((0, 1, 1, 1, 5))) for limit in choose.sample(limits, choose.randint(1, 3))]
            payer = choose.choice(("ann", "bob"))
            local = charge_of(*items, payer=payer)
            twin.charge(local)
            shared = await sharing.charge(*items, payer=payer)
            assert (shared.verdict, shared.limit, shared.remaining) == (local.verdict, local.limit, local.remaining)
            assert abs(shared.wait_us - local.wait_us) < 60_000_000

    async def test_a_clock_that_is_wrong_by_days_changes_nothing(self, sharing: Sharing) -> None:
        limit = Limit("x", 10, MINUTE)
        assert (await sharing.verdicts(limit, 10)).count(ADMITTED) == 10
        for days in (-3, 3):
            with time_machine.travel(time.time() + days * DAY):
                assert (await sharing.verdicts(limit, 5)) == [REFUSED] * 5

    async def test_numbers_stay_whole(self, sharing: Sharing, shared: Valkey) -> None:
        limit = Limit("x", 7, DAY)
        before = shared.ask("TIME")
        await sharing.charge((limit, 3))
        stored = int(shared.ask("GET", limit.prefix + "ann"))
        now = int(before[0]) * 1_000_000 + int(before[1])
        assert 0 <= stored - now - 3 * limit.rate.emission_us < 1_000_000

    async def test_a_budget_is_forgotten_when_it_is_whole(self, sharing: Sharing, shared: Valkey) -> None:
        limit = Limit("x", 60, MINUTE)
        await sharing.charge((limit, 5))
        assert 4_000 < int(shared.ask("PTTL", limit.prefix + "ann")) <= 5_000

    async def test_what_is_no_moment_counts_as_whole(self, sharing: Sharing, shared: Valkey) -> None:
        limit = Limit("x", 5, MINUTE)
        shared.ask("SET", limit.prefix + "ann", "not a number")
        assert (await sharing.charge((limit, 1))).remaining == 4


class TestTurns:
    async def test_one_turn_is_one_call(self, sharing: Sharing, shared: Valkey) -> None:
        limit = Limit("x", 1000, DAY)
        await sharing.charge((limit, 1))
        shared.ask("CONFIG", "RESETSTAT")
        assert (await sharing.verdicts(limit, 50)).count(ADMITTED) == 50
        assert shared.calls("evalsha") == 1

    async def test_a_turn_of_thousands_is_several_calls(self, sharing: Sharing, shared: Valkey) -> None:
        limits = [Limit(name, 100_000, DAY) for name in "abcd"]
        charges = [charge_of(*((limit, 1) for limit in limits), payer=str(number)) for number in range(3000)]
        await sharing.charge((limits[0], 1))
        shared.ask("CONFIG", "RESETSTAT")
        for charge in charges:
            sharing.begin(charge)
        await charges[-1].wait()
        assert {charge.verdict for charge in charges} == {ADMITTED}
        assert shared.calls("evalsha") == 3000 / shared_module.REQUESTS_AT_ONCE

    async def test_one_who_no_longer_waits_disturbs_nobody(self, sharing: Sharing) -> None:
        limit = Limit("x", 10, DAY)
        given_up = asyncio.create_task(sharing.charge((limit, 1)))
        await asyncio.sleep(0)
        given_up.cancel()
        assert (await sharing.charge((limit, 1))).verdict == ADMITTED
        await asyncio.gather(given_up, return_exceptions=True)


class TestBlocks:
    async def test_a_blocked_client_is_told_for_how_long_and_charged_nothing(
        self, sharing: Sharing, shared: Valkey
    ) -> None:
        limit = Limit("x", 10, DAY)
        shared.ask("SET", BLOCK_PREFIX + CLIENT, "anything", "PX", 90_000)
        blocked = await sharing.charge((limit, 1))
        assert (blocked.verdict, blocked.limit) == (BLOCKED, None)
        assert 85 < blocked.wait_seconds <= 90
        assert (await sharing.charge((limit, 1), client="203.0.113.10")).remaining == 9

    async def test_a_block_without_an_end_lasts(self, sharing: Sharing, shared: Valkey) -> None:
        shared.ask("SET", BLOCK_PREFIX + CLIENT, "anything")
        assert (await sharing.charge((Limit("x", 10, DAY), 1))).wait_seconds == 3600


class TestScript:
    async def test_a_server_that_has_forgotten_it_is_told_again_and_nobody_notices(
        self, sharing: Sharing, shared: Valkey
    ) -> None:
        limit = Limit("x", 10, DAY)
        await sharing.charge((limit, 1))
        shared.ask("SCRIPT", "FLUSH")
        assert [(await sharing.charge((limit, 1))).remaining for _ in range(2)] == [8, 7]
        assert sharing.local.decisions == 0

    async def test_all_its_keys_are_in_one_slot(self, sharing: Sharing, shared: Valkey) -> None:
        await sharing.charge((Limit("x", 10, DAY), 1), (Limit("y", 10, DAY), 1))
        keys = shared.ask("KEYS", "*")
        assert len(keys) == 2
        assert all(key.startswith(PREFIX.encode()) for key in keys)


class TestManyServers:
    async def test_a_cluster_counts(self, tmp_path: Path) -> None:
        with Cluster(tmp_path) as cluster:
            async with linked(cluster.url) as link:
                await until_connected(link)
                sharing = sharing_over(link)
                assert (await sharing.verdicts(Limit("x", 10, DAY), 12)).count(ADMITTED) == 10
                assert sharing.local.decisions == 0

    async def test_the_primary_of_sentinels_counts_and_so_does_its_successor(self, tmp_path: Path) -> None:
        with SentinelSet(tmp_path) as servers:
            async with linked(servers.url) as link:
                await until_connected(link)
                sharing, limit = sharing_over(link), Limit("x", 10, DAY)
                assert (await sharing.verdicts(limit, 12)).count(ADMITTED) == 10
                servers.primary.kill()
                await until(lambda: link.connected is None)
                assert (await sharing.charge((limit, 1))).verdict == ADMITTED
                assert sharing.local.decisions == 1
                await until_connected(link, seconds=20)
                await sharing.charge((limit, 1))
                assert sharing.local.decisions == 1


class TestLost:
    async def test_without_a_connection_the_process_counts_alone(self, valkey: Valkey) -> None:
        async with linked(valkey.url) as link:
            await until_connected(link)
            sharing, limit = sharing_over(link), Limit("x", 3, DAY)
            await sharing.charge((limit, 3))
            valkey.kill()
            await until(lambda: link.connected is None)
            assert await sharing.verdicts(limit, 4) == [ADMITTED] * 3 + [REFUSED]
            valkey.start()
            await until_connected(link)
            assert (await sharing.charge((limit, 1))).remaining == 2, "the new server has not heard of the old one's"
            assert sharing.local.decisions == 4

    async def test_a_frozen_server_delays_one_turn_by_its_time_limit_and_then_nobody(self, valkey: Valkey) -> None:
        async with linked(valkey.url) as link:
            await until_connected(link)
            sharing, limit = sharing_over(link), Limit("x", 100, DAY)
            await sharing.charge((limit, 1))
            valkey.process.freeze()
            try:
                began = time.monotonic()
                async with asyncio.timeout(10):
                    assert (await sharing.verdicts(limit, 5)) == [ADMITTED] * 5
                assert time.monotonic() - began < ANSWER_SECONDS * 5
                assert sharing.local.decisions == 5
                charge = charge_of((limit, 1))
                sharing.begin(charge)
                assert charge.verdict == ADMITTED, "nobody waits any more"
            finally:
                valkey.process.thaw()

    async def test_a_connection_that_breaks_in_mid_question_leaves_nobody_waiting(
        self, shared: Valkey, proxy: RedisProxy
    ) -> None:
        async with linked(proxy.url) as link:
            await until_connected(link)
            sharing, limit = sharing_over(link), Limit("x", 100, DAY)
            await sharing.charge((limit, 1))
            proxy.to_client_seconds = 0.05
            asked = asyncio.create_task(sharing.verdicts(limit, 3))
            await asyncio.sleep(0.02)
            proxy.cut()
            assert await asked == [ADMITTED] * 3

    async def test_an_error_of_the_server_is_no_error_of_the_request(self, shared: Valkey) -> None:
        async with linked(shared.url) as link:
            await until_connected(link)
            sharing, limit = sharing_over(link), Limit("x", 100, DAY)
            shared.ask("LPUSH", limit.prefix + "eve", "a list")
            shared.ask("CONFIG", "SET", "maxmemory", "1")
            try:
                assert (await sharing.charge((limit, 1))).verdict == ADMITTED
                assert (sharing.local.decisions, link.times_opened) == (1, 1)
            finally:
                shared.ask("CONFIG", "SET", "maxmemory", "0")
                shared.ask("FLUSHALL")


async def test_a_link_that_never_connected_costs_nothing(link: Link) -> None:
    sharing = sharing_over(Link(link._servers))
    assert (await sharing.charge((Limit("x", 1, DAY), 1))).verdict == ADMITTED
    assert sharing.local.decisions == 1
