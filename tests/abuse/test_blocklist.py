"""Blocks in several processes: who learns of them, when, and what survives when Redis or the database does not."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.abuse.blocklist import Blocklist
from app.abuse.guard import Guard
from app.abuse.scores import block_key
from app.database.executor import Database
from app.domain.blocks import commands
from app.domain.blocks.block import Block
from app.redis.link import Link
from app.settings import Settings, load_settings
from tests.abuse.attacked import client_of, is_blocked_after_traps, serving, spring_traps
from tests.conftest import Running
from tests.redis.links import linked, until_connected
from tests.valkey_servers import Valkey, until


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A server to be killed and emptied."""
    with Valkey(tmp_path) as server:
        yield server


@pytest.fixture
async def old(database: Database) -> Callable[[str], Any]:
    """Makes what has changed about a client look as if it had been long ago."""

    async def make(address: str) -> None:
        async with database.transaction() as work:
            await work._connection.raw.execute(
                "UPDATE address_blocks SET changed_at = now() - $2::interval WHERE client_key = $1",
                address,
                timedelta(minutes=1),
            )

    return make


@asynccontextmanager
async def workers(settings: Settings, redis_url: str, count: int = 2) -> AsyncIterator[list[Running]]:
    """Several services on one database and one Redis, each with connections and a memory of its own."""
    pointed = settings.with_urls(database_url=settings.database.url.get_secret_value(), redis_url=redis_url)
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(serving(pointed)) for _ in range(count)]


def guard_of(service: Running) -> Guard:
    assert service.services.guard is not None
    return service.services.guard


async def status(service: Running, address: str) -> int:
    async with client_of(service.app, address) as http:
        return (await http.get("/")).status_code


async def stored(database: Database, address: str) -> Block:
    block = await commands.block_offender(database, address, signals=["trap"], score=5.0)
    assert block is not None
    return block


class TestWorkers:
    async def test_a_block_holds_in_every_worker_at_once(self, settings: Settings, redis_url: str, address: str):
        async with workers(settings, redis_url) as (first, second):
            assert await is_blocked_after_traps(first, address)
            assert await status(second, address) == 429

    async def test_and_each_of_them_knows_it_by_itself_soon(self, settings: Settings, redis_url: str, address: str):
        async with workers(settings, redis_url) as (first, second):
            assert await is_blocked_after_traps(first, address)
            await until(lambda: address in guard_of(second).blocklist)

    async def test_its_key_is_in_redis_at_once(self, settings: Settings, redis_url: str, address: str):
        async with workers(settings, redis_url, 1) as (service,), linked(redis_url) as link:
            connected = await until_connected(link)
            assert await is_blocked_after_traps(service, address)
            key = block_key(address)
            assert 890_000 < await connected.of(key).ask("PTTL", key) <= 900_000

    async def test_traps_in_different_workers_add_up(self, settings: Settings, redis_url: str, address: str):
        async with workers(settings, redis_url) as (first, second):
            for service, path in ((first, "/.env"), (second, "/wp-login.php")):
                async with client_of(service.app, address) as http:
                    await http.get(path)
                await until(lambda service=service: not guard_of(service)._tasks)  # type: ignore[misc]  # bound at once
            assert await status(second, address) == 429

    async def test_whoever_is_let_in_again_is_let_in_by_every_worker_at_once(
        self, settings: Settings, redis_url: str, address: str, database: Database
    ):
        async with workers(settings, redis_url) as (first, second):
            block = await stored(database, address)
            for service in (first, second):
                await until(lambda service=service: address in guard_of(service).blocklist)  # type: ignore[misc]  # bound at once
            async with database.transaction() as work:
                await work._connection.raw.execute(
                    "UPDATE address_blocks SET lifted_at = now(), changed_at = clock_timestamp() WHERE id = $1",
                    block.id,
                )
            guard_of(first).blocklist.release(address)
            assert await status(first, address) == 200
            assert await status(second, address) == 200

    async def test_a_worker_that_starts_later_knows_what_holds(
        self, settings: Settings, redis_url: str, address: str, database: Database
    ):
        await stored(database, address)
        async with workers(settings, redis_url, 1) as (service,):
            await until(lambda: address in guard_of(service).blocklist)
            assert await status(service, address) == 429


class TestWithoutRedis:
    async def test_a_process_scores_and_blocks_by_itself(self, settings: Settings, address: str):
        async with workers(settings, "", 1) as (service,):
            assert await is_blocked_after_traps(service, address)

    async def test_others_learn_of_it_from_the_database(self, settings: Settings, address: str):
        async with workers(settings, "") as (first, second):
            assert await is_blocked_after_traps(first, address)
            await until(lambda: address in guard_of(second).blocklist)
            assert await status(second, address) == 429

    async def test_nobody_is_let_in_when_redis_dies(self, settings: Settings, valkey: Valkey, address: str):
        async with workers(settings, valkey.url, 1) as (service,):
            assert await is_blocked_after_traps(service, address)
            valkey.kill()
            await until(lambda: link_of(service).connected is None)
            assert await status(service, address) == 429

    async def test_signals_count_on_when_redis_dies(self, settings: Settings, valkey: Valkey, address: str):
        async with workers(settings, valkey.url, 1) as (service,):
            valkey.kill()
            await until(lambda: link_of(service).connected is None)
            assert await is_blocked_after_traps(service, address)


def link_of(service: Running) -> Link:
    assert service.services.cache is not None
    return service.services.cache.link


class TestLostKeys:
    async def test_an_empty_restart_gets_the_keys_again(self, settings: Settings, valkey: Valkey, address: str):
        async with workers(settings, valkey.url, 1) as (service,):
            assert await is_blocked_after_traps(service, address)
            valkey.kill()
            await until(lambda: link_of(service).connected is None)
            valkey.start()
            await until(lambda: link_of(service).connected is not None)
            assert 800_000 < int(valkey.ask("PTTL", block_key(address))) <= 900_000
            assert await status(service, address) == 429

    async def test_a_key_that_redis_has_dropped_is_written_again(
        self, settings: Settings, valkey: Valkey, address: str, old: Callable[[str], Any]
    ):
        async with workers(settings, valkey.url, 1) as (service,):
            assert await is_blocked_after_traps(service, address)
            await old(address)
            valkey.ask("DEL", block_key(address))
            assert await status(service, address) == 429
            await until(lambda: int(valkey.ask("PTTL", block_key(address))) > 0)

    async def test_a_key_of_a_block_that_was_lifted_while_nobody_served_is_removed(
        self, settings: Settings, valkey: Valkey, address: str, database: Database
    ):
        await stored(database, address)
        valkey.ask("SET", block_key(address), "1", "PX", 900_000)
        assert len(await commands.lift_client(database, address)) == 1
        async with workers(settings, valkey.url, 1) as (service,):
            await until(lambda: int(valkey.ask("EXISTS", block_key(address))) == 0)
            assert await status(service, address) == 200


class TestWithoutTheDatabase:
    async def test_a_block_holds_for_a_quarter_of_an_hour(self, redis_url: str, address: str):
        nowhere = load_settings(ENVIRONMENT="test", DATABASE_URL="postgresql://u:p@127.0.0.1:1/x", REDIS_URL=redis_url)
        async with serving(nowhere, DB_POOL_TIMEOUT="0.2") as service:
            async with client_of(service.app, address) as http:
                await spring_traps(http)
            await until(lambda: not guard_of(service)._tasks)
            assert 890 < guard_of(service).blocklist.seconds_left(address) <= 900
            assert await status(service, address) == 429


class TestLook:
    """The copy by itself, on the clock of the test."""

    @pytest.fixture
    def now(self) -> list[float]:
        return [1000.0]

    @pytest.fixture
    def copy(self, database: Database, now: list[float]) -> Blocklist:
        return Blocklist(database.reader, None, is_exempt=lambda _key: False, clock=lambda: now[0])

    async def test_first_it_looks_at_everything_and_then_at_what_has_changed(
        self, copy: Blocklist, database: Database, addresses: Iterator[str], old: Callable[[str], Any]
    ):
        before, after = next(addresses), next(addresses)
        await stored(database, before)
        await old(before)
        await copy.look()
        assert before in copy
        del copy.until[before]
        await stored(database, after)
        await copy.look()
        assert after in copy
        assert before not in copy

    async def test_whoever_has_not_looked_for_long_looks_at_everything(
        self, copy: Blocklist, database: Database, address: str, now: list[float], old: Callable[[str], Any]
    ):
        await copy.look()
        await stored(database, address)
        await old(address)
        now[0] += 10
        await copy.look()
        assert address in copy

    async def test_what_was_lifted_goes(self, copy: Blocklist, database: Database, address: str):
        await stored(database, address)
        await copy.look()
        assert address in copy
        await commands.lift_client(database, address)
        await copy.look()
        assert address not in copy

    async def test_the_time_that_is_left_is_the_databases(self, copy: Blocklist, database: Database, address: str):
        await stored(database, address)
        await copy.look()
        assert 895 < copy.seconds_left(address) <= 900

    async def test_whatever_goes_wrong_it_looks_again(
        self, database: Database, address: str, monkeypatch: pytest.MonkeyPatch
    ):
        failures = iter([ZeroDivisionError()])

        def is_exempt(_key: str) -> bool:
            for failure in failures:
                raise failure
            return False

        monkeypatch.setattr("app.abuse.blocklist.TURN_SECONDS", 0.01)
        copy = Blocklist(database.reader, None, is_exempt=is_exempt)
        await stored(database, address)
        task = asyncio.create_task(copy.keep())
        await until(lambda: address in copy)
        task.cancel()

    async def test_whoever_is_exempt_is_not_on_it(self, database: Database, address: str):
        copy = Blocklist(database.reader, None, is_exempt=lambda _key: True)
        await stored(database, address)
        await copy.look()
        assert address not in copy
