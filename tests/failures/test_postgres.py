"""PostgreSQL dies, comes back, or is too busy: clear refusals meanwhile, and recovery without help."""

import asyncio
import time
from collections import Counter

import asyncpg
import httpx

from app.local_stack import LocalStack
from app.settings import Settings
from tests.conftest import Running
from tests.failures.conftest import until_ready

TODOS = "/api/v2/todos"


class TestKilled:
    async def test_only_503_while_it_is_gone_and_recovery_by_itself(
        self, servers: LocalStack, service: Running, person: httpx.AsyncClient
    ) -> None:
        seen: Counter[int] = Counter()
        acknowledged: list[str] = []
        stopped = asyncio.Event()

        async def write_and_read() -> None:
            while not stopped.is_set():
                answer = await person.post(TODOS, json={"title": "x"})
                seen[answer.status_code] += 1
                if answer.status_code == 201:
                    acknowledged.append(answer.json()["id"])
                else:
                    assert answer.status_code == 503, answer.text
                    assert answer.headers["retry-after"]
                    assert answer.headers["content-type"] == "application/problem+json"
                listed = await person.get(TODOS)
                seen[listed.status_code] += 1
                assert (await person.get("/health/live")).status_code == 200

        load = [asyncio.create_task(write_and_read()) for _ in range(6)]
        await _until(lambda: seen[201] >= 20)
        await asyncio.to_thread(servers.postgres.kill)
        await _until(lambda: seen[503] >= 20)
        assert (await person.get("/health/ready")).status_code == 503
        assert (await person.get("/health")).json()["database"] == "unavailable"
        await asyncio.to_thread(servers.postgres.start)
        await until_ready(person, seconds=5)
        before = seen[201]
        await _until(lambda: seen[201] >= before + 20)
        stopped.set()
        await asyncio.gather(*load)

        assert set(seen) == {200, 201, 503}
        assert service.services.database.pool.usage["open"] <= 4
        for todo_id in acknowledged:
            assert (await person.get(f"{TODOS}/{todo_id}")).status_code == 200

    async def test_a_connection_cut_in_mid_query_is_one_503_and_no_more(
        self, breakable: Settings, person: httpx.AsyncClient
    ) -> None:
        admin = await asyncpg.connect(breakable.database.url.get_secret_value())
        assert (await person.get(TODOS)).status_code == 200
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'todo'")
        await admin.close()
        answers = [(await person.get(TODOS)).status_code for _ in range(10)]
        assert set(answers) <= {200, 503}
        assert answers[-1] == 200


class TestBusy:
    async def test_an_exhausted_pool_refuses_within_its_time_out_and_spares_routes_without_sql(
        self, breakable: Settings, person: httpx.AsyncClient
    ) -> None:
        blocker = await asyncpg.connect(breakable.database.url.get_secret_value())
        transaction = blocker.transaction()
        await transaction.start()
        await blocker.execute("LOCK TABLE todos IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        # Pages of different sizes, since equal requests would share one statement.
        requests = [asyncio.create_task(person.get(f"{TODOS}?limit={size}")) for size in range(1, 41)]
        await asyncio.sleep(0.1)
        assert (await person.get("/health/live")).status_code == 200
        done, _ = await asyncio.wait(requests, timeout=2)
        refused = [task.result() for task in done]
        # Four wait for the lock; whoever got no connection was told so after half a second.
        assert len(refused) == 36
        assert {answer.status_code for answer in refused} == {503}
        assert {answer.json()["code"] for answer in refused} == {"DATABASE_POOL_EXHAUSTED"}
        assert all("retry-after" in answer.headers for answer in refused)
        assert time.monotonic() - started < 4
        await transaction.rollback()
        await blocker.close()
        assert {answer.status_code for answer in await asyncio.gather(*(set(requests) - done))} == {200}

    async def test_a_lock_that_is_never_free_is_a_503(self, breakable: Settings, person: httpx.AsyncClient) -> None:
        todo = (await person.post(TODOS, json={"title": "x"})).json()
        blocker = await asyncpg.connect(breakable.database.url.get_secret_value())
        transaction = blocker.transaction()
        await transaction.start()
        await blocker.execute("SELECT 1 FROM todos WHERE id = $1 FOR UPDATE", todo["id"])
        answer = await person.patch(f"{TODOS}/{todo['id']}", json={"title": "y"})
        assert (answer.status_code, answer.json()["code"]) == (503, "DATABASE_TIMEOUT")
        await transaction.rollback()
        await blocker.close()
        assert (await person.patch(f"{TODOS}/{todo['id']}", json={"title": "y"})).status_code == 200


async def _until(condition, *, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
