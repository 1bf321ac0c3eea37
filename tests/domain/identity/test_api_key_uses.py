"""When and from where keys were last used: written down now and then, and never in anybody's way."""

import asyncio
from datetime import timedelta

import pytest

from app.database.errors import DatabaseUnavailable
from app.database.executor import Database
from app.domain.identity import api_key_uses, queries
from app.domain.identity.api_key_uses import ApiKeyUses
from app.domain.pages import PageRequest
from tests.api_key_factories import make_api_key
from tests.domain.identity.conftest import Visitor
from tests.domain.identity.key_clocks import last_use, let_time_pass_since_use

RECORDED = "api_keys.record_uses"


@pytest.fixture
def uses(database: Database) -> ApiKeyUses:
    return ApiKeyUses(database)


class TestNote:
    async def test_it_shows_in_the_list(self, database: Database, uses: ApiKeyUses, visitor: Visitor) -> None:
        used, unused = [(await make_api_key(database, visitor.user)).api_key for _ in range(2)]
        uses.note(used.id, "203.0.113.7")
        await uses.write()
        page = await queries.api_keys(database.reader, visitor.caller, PageRequest(10))
        found = {key.id: key for key in page.items}
        assert found[used.id].last_used_address == "203.0.113.7"
        assert (found[used.id].last_used_at or used.created_at) > used.created_at
        assert (found[unused.id].last_used_at, found[unused.id].last_used_address) == (None, None)

    async def test_many_keys_take_one_statement_and_none_takes_none(
        self, database: Database, uses: ApiKeyUses, visitor: Visitor
    ) -> None:
        for number in range(5):
            uses.note((await make_api_key(database, visitor.user)).api_key.id, f"192.0.2.{number}")
        with database.observed() as statements:
            await uses.write()
            await uses.write()
        assert statements == [RECORDED]

    async def test_a_process_notes_a_key_once_a_minute(
        self, database: Database, uses: ApiKeyUses, visitor: Visitor
    ) -> None:
        key = (await make_api_key(database, visitor.user)).api_key
        for _ in range(3):
            uses.note(key.id, "192.0.2.1")
            await uses.write()
        with database.observed() as statements:
            uses.note(key.id, "192.0.2.2")
            await uses.write()
        assert statements == []

    async def test_of_several_processes_one_writes(self, database: Database, visitor: Visitor) -> None:
        key = (await make_api_key(database, visitor.user)).api_key
        processes = [ApiKeyUses(database) for _ in range(4)]
        for number, process in enumerate(processes):
            process.note(key.id, f"192.0.2.{number}")
        await processes[0].write()
        first = await last_use(database, key.id)
        await asyncio.gather(*(process.write() for process in processes[1:]))
        assert await last_use(database, key.id) == first
        await let_time_pass_since_use(database, key.id, timedelta(seconds=61))
        late = ApiKeyUses(database)
        late.note(key.id, "192.0.2.9")
        await late.write()
        assert (await last_use(database, key.id))[1] == "192.0.2.9"

    async def test_what_is_remembered_is_bounded(
        self, database: Database, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(api_key_uses, "REMEMBERED_MAXIMUM", 2)
        uses = ApiKeyUses(database)
        for _ in range(7):
            uses.note((await make_api_key(database, visitor.user)).api_key.id, "192.0.2.1")
            assert len(uses._quiet_until) <= 2
        await uses.write()


class TestFailure:
    async def test_what_cannot_be_written_is_written_later_with_what_came_meanwhile(
        self, database: Database, uses: ApiKeyUses, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        early, late = [(await make_api_key(database, visitor.user)).api_key for _ in range(2)]
        uses.note(early.id, "192.0.2.1")

        def unavailable(_: Database) -> None:
            uses.note(late.id, "192.0.2.2")
            raise DatabaseUnavailable("DATABASE_TIMEOUT")

        with monkeypatch.context() as patched:
            patched.setattr(api_key_uses, "unit_of_work", unavailable)
            await uses.write()
        await uses.write()
        assert [(await last_use(database, key.id))[1] for key in (early, late)] == ["192.0.2.1", "192.0.2.2"]


class TestKeep:
    async def test_it_writes_after_a_while(
        self, database: Database, uses: ApiKeyUses, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(api_key_uses, "GATHERED_SECONDS", 0.01)
        key = (await make_api_key(database, visitor.user)).api_key
        task = asyncio.create_task(uses.keep())
        uses.note(key.id, "192.0.2.1")
        async with asyncio.timeout(10):
            while (await last_use(database, key.id))[0] is None:
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def test_it_writes_the_rest_when_the_process_stops(
        self, database: Database, uses: ApiKeyUses, visitor: Visitor
    ) -> None:
        key = (await make_api_key(database, visitor.user)).api_key
        task = asyncio.create_task(uses.keep())
        await asyncio.sleep(0)
        uses.note(key.id, "192.0.2.1")
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert (await last_use(database, key.id))[1] == "192.0.2.1"
