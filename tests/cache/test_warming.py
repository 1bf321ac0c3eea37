"""Warming: what was popular is at hand at once, and believed no more than anything else."""

from app.cache.warming import remember_popular, warm
from tests.cache.processes import Process, new_number, running
from tests.valkey_servers import Valkey, until


async def test_what_was_popular_before_a_restart_from_an_old_snapshot_is_not_believed(
    numbers_url: str, valkey: Valkey
) -> None:
    number = new_number()
    async with running(Process(numbers_url, valkey.url)) as process:
        await process.write(number, 1)
        for _ in range(3):
            await process.read(number)
        await remember_popular(process.cache)
        await process.sent()
        valkey.ask("SAVE")
        await process.write(number, 2)
        await process.announcer.forget_done()
        valkey.kill()
        await until(lambda: process.link.connected is None)
        valkey.start()
    async with running(Process(numbers_url, valkey.url)) as started:
        await warm(started.cache)
        assert await started.read(number) == 2
