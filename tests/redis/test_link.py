"""Whether Redis can be used now: every way in which it goes and comes back, on real servers."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.redis.connecting import Connected
from app.redis.link import ANSWER_SECONDS, CHECK_SECONDS, LONGEST_PAUSE_SECONDS, Link
from app.redis.pipeline import RedisUnavailable
from app.redis_address import servers_at
from tests.redis.links import kept, linked, until_connected
from tests.redis_proxy import RedisProxy
from tests.server_processes import free_port
from tests.valkey_servers import HOST, Valkey, until, wait_until

# The longest pause with its spread, one attempt, and a busy machine.
RETURN_SECONDS = LONGEST_PAUSE_SECONDS * 1.2 + ANSWER_SECONDS + 2.0


class TestAbsent:
    async def test_the_first_try_fails_at_once_and_nobody_waits(self) -> None:
        started = time.monotonic()
        async with linked(f"redis://{HOST}:{free_port()}") as link:
            await link.wait_for_first_try(5)
            assert (link.connected, link.state, link.times_opened) == (None, "open", 0)
            assert time.monotonic() - started < 1

    async def test_a_first_try_that_hangs_is_not_waited_for(self, proxy: RedisProxy) -> None:
        proxy.blackhole()
        async with linked(proxy.url, answer_seconds=30) as link:
            await link.wait_for_first_try(0.05)
            assert (link.connected, link.state) == (None, "half_open")

    async def test_one_that_comes_later_is_used_by_itself(self, tmp_path: Path) -> None:
        server = Valkey(tmp_path)
        async with linked(server.url) as link:
            await link.wait_for_first_try(5)
            with server:
                connected = await until_connected(link, seconds=RETURN_SECONDS)
                assert link.state == "closed"
                assert await connected.of("any").ask("PING") == b"PONG"

    async def test_a_name_that_is_none_leaves_the_link_alive(self) -> None:
        async with linked("redis://a..b") as link:
            await link.wait_for_first_try(5)
            assert link.state == "open"


class TestLost:
    async def test_a_killed_one_opens_it_and_it_returns_as_another_generation(self, valkey: Valkey) -> None:
        async with linked(valkey.url) as link:
            first = await until_connected(link)
            valkey.kill()
            await until(lambda: link.connected is None, seconds=1)
            assert (link.state, link.times_opened) == ("open", 1)
            assert first.is_lost
            valkey.start()
            again = await until_connected(link, seconds=RETURN_SECONDS)
            assert again.generation != first.generation

    async def test_a_cut_connection_returns_to_the_same_generation(self, proxy: RedisProxy) -> None:
        async with linked(proxy.url) as link:
            first = await until_connected(link)
            proxy.cut()
            await until(lambda: link.connected is None, seconds=1)
            proxy.mend()
            again = await until_connected(link, seconds=RETURN_SECONDS)
            assert again is not first
            assert again.generation == first.generation

    async def test_a_frozen_one_costs_nobody_more_than_the_time_limit(self, valkey: Valkey) -> None:
        waited: list[float] = []

        async def request(link: Link) -> None:
            started = time.monotonic()
            if link.connected is not None:
                await asyncio.gather(link.connected.of("any").ask("PING"), return_exceptions=True)
            waited.append(time.monotonic() - started)

        async with linked(valkey.url) as link, asyncio.TaskGroup() as requests:
            await until_connected(link)
            valkey.process.freeze()
            frozen_at = time.monotonic()
            opened_after = 0.0
            while time.monotonic() - frozen_at < 0.6:
                requests.create_task(request(link))
                await asyncio.sleep(0.005)
                if link.connected is None and not opened_after:
                    opened_after = time.monotonic() - frozen_at
            valkey.process.thaw()
            await until_connected(link, seconds=RETURN_SECONDS)
            assert link.times_opened == 1
        assert 0 < opened_after < 0.3
        # The time limit, the late look, and a busy machine.
        assert max(waited) < ANSWER_SECONDS + 0.15
        assert len(waited) > 20

    async def test_with_a_longer_limit_it_would_not_have_opened_in_time(self, valkey: Valkey) -> None:
        """That the test before can fail."""
        async with linked(valkey.url, answer_seconds=1) as link:
            connected = await until_connected(link)
            valkey.process.freeze()
            asked = connected.of("any").ask("PING")
            await asyncio.wait((asked,), timeout=0.3)
            assert link.connected is connected
            asked.cancel()

    async def test_a_frozen_one_is_noticed_while_nobody_asks(self, valkey: Valkey) -> None:
        async with linked(valkey.url) as link:
            await until_connected(link)
            valkey.process.freeze()
            await until(lambda: link.connected is None, seconds=CHECK_SECONDS + ANSWER_SECONDS + 1)

    async def test_silence_is_as_good_as_a_loss(self, proxy: RedisProxy) -> None:
        async with linked(proxy.url) as link:
            connected = await until_connected(link)
            proxy.blackhole()
            with pytest.raises(RedisUnavailable):
                await connected.of("any").ask("PING")
            assert link.connected is None
            proxy.mend()
            await until_connected(link, seconds=RETURN_SECONDS)

    async def test_distrust_opens_it(self, shared: Valkey) -> None:
        async with linked(shared.url) as link:
            connected = await until_connected(link)
            link.distrust()
            link.distrust()
            assert (link.connected, link.times_opened, connected.is_lost) == (None, 1, True)

    async def test_the_end_of_its_task_closes_everything(self, shared: Valkey) -> None:
        async with linked(shared.url) as link:
            connected = await until_connected(link)
        assert (link.connected, link.state, connected.is_lost) == (None, "open", True)


class TestPromotion:
    @pytest.fixture
    def replica(self, valkey: Valkey, tmp_path: Path) -> Iterator[Valkey]:
        with Valkey(tmp_path, replicaof=f"{HOST} {valkey.port}") as server:
            wait_until(lambda: server.facts("replication")["master_link_status"] == "up")
            yield server

    async def test_a_replica_is_not_used_until_it_is_promoted(self, replica: Valkey) -> None:
        async with linked(replica.url) as link:
            await link.wait_for_first_try(5)
            assert link.connected is None
            replica.ask("REPLICAOF", "NO", "ONE")
            await until_connected(link, seconds=RETURN_SECONDS)

    async def test_a_demoted_one_is_left_while_nobody_writes_and_returns_as_another_generation(
        self, valkey: Valkey, replica: Valkey
    ) -> None:
        async with linked(valkey.url) as link:
            first = await until_connected(link)
            replica.ask("REPLICAOF", "NO", "ONE")
            valkey.ask("REPLICAOF", HOST, replica.port)
            await until(lambda: link.connected is None, seconds=CHECK_SECONDS + 2)
            wait_until(lambda: valkey.facts("replication")["master_link_status"] == "up")
            valkey.ask("REPLICAOF", "NO", "ONE")
            again = await until_connected(link, seconds=RETURN_SECONDS)
            # The same process, but with what another one knew.
            assert again.generation != first.generation


class TestPreparation:
    async def test_it_is_used_only_after_all_of_it_in_order(self, shared: Valkey) -> None:
        link = Link(servers_at(shared.url))
        done: list[str] = []
        may_go_on = asyncio.Event()

        async def first(_connected: Connected) -> None:
            done.append("first")
            await may_go_on.wait()

        async def second(connected: Connected) -> None:
            assert await connected.of("any").ask("PING") == b"PONG"
            assert link.connected is None
            done.append("second")

        link.on_ready += [first, second]
        async with kept(link):
            await until(lambda: done == ["first"])
            assert (link.connected, link.state) == (None, "half_open")
            may_go_on.set()
            await until_connected(link)
            assert done == ["first", "second"]

    async def test_a_refusal_closes_the_connection_and_it_is_tried_again(self, shared: Valkey) -> None:
        link = Link(servers_at(shared.url))
        refused: list[Connected] = []

        async def refuse_twice(connected: Connected) -> None:
            if len(refused) < 2:
                refused.append(connected)
                raise RedisUnavailable

        link.on_ready.append(refuse_twice)
        async with kept(link):
            await until_connected(link)
            assert [each.is_lost for each in refused] == [True, True]
            assert link.times_opened == 0

    async def test_a_connection_that_is_lost_meanwhile_is_never_used(self, proxy: RedisProxy) -> None:
        link = Link(servers_at(proxy.url))
        prepared: list[Connected] = []

        async def lose_the_first(connected: Connected) -> None:
            prepared.append(connected)
            if len(prepared) == 1:
                proxy.cut()
                await until(lambda: connected.is_lost)
                proxy.mend()

        link.on_ready.append(lose_the_first)
        async with kept(link):
            assert await until_connected(link) is prepared[1]


class TestLog:
    async def test_a_server_that_comes_and_goes_is_said_once_a_minute(self, proxy: RedisProxy) -> None:
        now = 1000.0
        link = Link(servers_at(proxy.url), clock=lambda: now)

        async def come_and_go() -> None:
            await until_connected(link)
            proxy.cut()
            await until(lambda: link.connected is None)
            proxy.mend()
            await until_connected(link)

        with capture_logs() as lines:
            async with kept(link):
                for _ in range(3):
                    await come_and_go()
                now += 61
                await come_and_go()
        said = [(line["log_level"], line["event"]) for line in lines]
        unusable, in_use = ("warning", "redis cannot be used"), ("info", "redis in use")
        assert said == [in_use, unusable, in_use, unusable, in_use]
        assert link.times_opened == 4
