"""Refresh tokens where it matters: two worker processes, many tabs at once, thieves, and workers that are killed."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from app.cache.announcing import NOTICED_SECONDS
from app.domain.ids import SessionId
from app.settings import variables
from bench.processes import free_port
from tests.conftest import TEMPLATE, WORKER, Stack, recreate
from tests.domain.identity.clocks import let_time_pass_since_use
from tests.domain.identity.stored import ending, tokens_of
from tests.failures.keep_alive import Answer, Client
from tests.failures.two_workers import ROOT, Person, Workers, working

REFRESH = "/api/v2/auth/refresh"
ME = "/api/v2/me"
TABS = 20
AFTER_GRACE = timedelta(seconds=11)
# Each moment of a rotation at which a worker can be killed, and of the end of a family.
ROTATION = (
    "BEGIN",
    "refresh_tokens.take",
    "sessions.extend",
    "refresh_tokens.insert",
    "refresh_tokens.forget",
    "COMMIT",
    "answer",
)
END_OF_FAMILY = ("refresh_tokens.used", "sessions.revoke", "announcement")


@pytest.fixture(scope="module")
async def own_database_url(stack: Stack) -> str:
    return await recreate(stack.admin_url, f"todo_rotation_{WORKER}_test", template=TEMPLATE)


@pytest.fixture(scope="module")
async def workers(own_database_url: str, redis_url: str) -> AsyncIterator[Workers]:
    async with working(own_database_url, [redis_url] * 2, store_url=redis_url, altered="patient") as started:
        yield started


async def refreshed(client: Client, refresh_token: str) -> Answer:
    """The answer to a refresh."""
    return await client.ask("POST", REFRESH, {"refresh_token": refresh_token})


async def statuses(workers: Workers, access_token: str) -> list[int]:
    """What each worker answers to this access token: on a page that is kept, and on one that is not."""
    asked = [(workers.client(number, access_token), headers) for number in range(2) for headers in ({}, _UNKEPT)]
    return [(await client.ask("GET", ME, headers=headers)).status for client, headers in asked]


_UNKEPT = {"Cache-Control": "no-cache"}


def session_of(workers: Workers, person: Person) -> SessionId:
    """The session of their first tokens."""
    return workers.authority.access_tokens.verify(person.tokens.access_token).session_id


class TestManyTabs:
    async def test_twenty_refreshes_at_once_have_one_successor_and_log_nobody_out(self, workers: Workers) -> None:
        person = await workers.person()
        token = person.tokens.refresh_token
        clients = [workers.client(number % 2) for number in range(TABS)]
        await asyncio.gather(
            *(client.get("/health/live") for client in clients)
        )  # Connected, so that all start at once.

        answers = await asyncio.gather(*(refreshed(client, token) for client in clients))

        assert [answer.status for answer in answers] == [200] * TABS
        successors = {answer.document["refresh_token"] for answer in answers}
        assert len(successors) == 1
        assert len(await tokens_of(workers.database, session_of(workers, person))) == 2
        for access_token in {person.tokens.access_token, *(answer.document["access_token"] for answer in answers)}:
            assert await statuses(workers, access_token) == [200] * 4
        assert (await refreshed(workers.client(1), successors.pop())).status == 200

    async def test_tabs_that_go_on_refreshing_stay_in_one_family(self, workers: Workers) -> None:
        person = await workers.person()
        token = person.tokens.refresh_token
        for _ in range(5):
            answers = await asyncio.gather(*(refreshed(workers.client(number % 2), token) for number in range(6)))
            assert {answer.status for answer in answers} == {200}
            (token,) = {answer.document["refresh_token"] for answer in answers}
        assert await ending(workers.database, session_of(workers, person)) is None


class TestReuse:
    async def test_after_the_grace_it_ends_the_family_in_both_workers_at_once(self, workers: Workers) -> None:
        person = await workers.person()
        stolen = person.tokens.refresh_token
        newest = (await refreshed(workers.client(0), stolen)).document
        access_tokens = [person.tokens.access_token, newest["access_token"]]
        for access_token in access_tokens:  # Both workers know the session now, and keep an answer of it.
            assert await statuses(workers, access_token) == [200] * 4
        await let_time_pass_since_use(workers.database, stolen, AFTER_GRACE)

        reused = await refreshed(workers.client(1), stolen)

        assert (reused.status, reused.document["code"]) == (401, "REFRESH_TOKEN_REUSED")
        for access_token in access_tokens:
            assert await statuses(workers, access_token) == [401] * 4
        for worker in range(2):
            ended = await refreshed(workers.client(worker), newest["refresh_token"])
            assert (ended.status, ended.document["code"]) == (401, "INVALID_REFRESH_TOKEN")

    async def test_thief_and_owner_at_the_same_time_after_the_grace_both_end_it(self, workers: Workers) -> None:
        person = await workers.person()
        stolen = person.tokens.refresh_token
        newest = (await refreshed(workers.client(0), stolen)).document["refresh_token"]
        await let_time_pass_since_use(workers.database, stolen, AFTER_GRACE)

        clients = [workers.client(number % 2) for number in range(TABS)]
        answers = await asyncio.gather(
            *(refreshed(client, stolen if number % 4 else newest) for number, client in enumerate(clients))
        )

        assert {answer.status for answer in answers} <= {200, 401}
        issued = [answer.document for answer in answers if answer.status == 200]
        for tokens in issued:  # Whoever came in time holds tokens of a family that has ended since.
            assert await statuses(workers, tokens["access_token"]) == [401] * 4
            assert (await refreshed(workers.client(0), tokens["refresh_token"])).status == 401
        assert await ending(workers.database, session_of(workers, person)) == "refresh_reuse"


@contextmanager
def mortal(workers: Workers, database_url: str, *, dies_at: str) -> Iterator[tuple[Client, subprocess.Popen[bytes]]]:
    """A third worker, which is killed at that moment of the first rotation that it makes."""
    port = free_port()
    own = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in variables()}
    environment = {
        **own,
        "ENVIRONMENT": "test",
        "DATABASE_URL": database_url,
        "REDIS_URL": workers.redis_url,
        "PORT": str(port),
        "LOG_LEVEL": "warning",
        "DIES_AT": dies_at,
    }
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.failures.altered_service", "patient,dies_in_rotation", "serve"],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        client = Client(port)
        try:
            yield client, process
        finally:
            client.close()
            process.kill()
            process.wait()


async def killed(workers: Workers, database_url: str, refresh_token: str, *, dies_at: str) -> None:
    """Sends a refresh to a worker that is killed at that moment of it."""
    with mortal(workers, database_url, dies_at=dies_at) as (client, process):
        async with asyncio.timeout(60):
            while True:
                assert process.poll() is None, "it ended before it was asked"
                try:
                    if (await client.get("/health")).document["cache"] == "redis":
                        break
                except OSError:
                    pass
                await asyncio.sleep(0.1)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await refreshed(client, refresh_token)
        assert await asyncio.to_thread(process.wait, 10) == -9


class TestKilledWorkers:
    """A process is killed (-9) in the middle, at each boundary between its statements."""

    @pytest.mark.parametrize("moment", ROTATION)
    async def test_a_rotation_that_dies_logs_nobody_out(
        self, workers: Workers, own_database_url: str, moment: str
    ) -> None:
        person = await workers.person()
        token = person.tokens.refresh_token

        await killed(workers, own_database_url, token, dies_at=moment)
        answers = await asyncio.gather(*(refreshed(workers.client(worker), token) for worker in (0, 1, 0, 1)))

        assert [answer.status for answer in answers] == [200] * 4
        (successor,) = {answer.document["refresh_token"] for answer in answers}
        assert len(await tokens_of(workers.database, session_of(workers, person))) == 2
        assert await statuses(workers, answers[0].document["access_token"]) == [200] * 4
        # And a thief is still found out.
        await let_time_pass_since_use(workers.database, token, AFTER_GRACE)
        assert (await refreshed(workers.client(0), token)).document["code"] == "REFRESH_TOKEN_REUSED"
        assert (await refreshed(workers.client(1), successor)).status == 401
        assert await statuses(workers, answers[0].document["access_token"]) == [401] * 4

    @pytest.mark.parametrize("moment", END_OF_FAMILY)
    async def test_a_family_ends_though_the_worker_that_ends_it_dies(
        self, workers: Workers, own_database_url: str, moment: str
    ) -> None:
        person = await workers.person()
        stolen = person.tokens.refresh_token
        newest = (await refreshed(workers.client(0), stolen)).document
        assert await statuses(workers, newest["access_token"]) == [200] * 4
        await let_time_pass_since_use(workers.database, stolen, AFTER_GRACE)

        await killed(workers, own_database_url, stolen, dies_at=moment)
        again = await refreshed(workers.client(1), stolen)

        # Committed before the process died, the family has ended already; the thief's second try changes nothing.
        assert (again.status, again.document["code"]) in {(401, "REFRESH_TOKEN_REUSED"), (401, "INVALID_REFRESH_TOKEN")}
        assert (await refreshed(workers.client(0), newest["refresh_token"])).status == 401
        # At once, or where nobody was told of the end after COMMIT, as soon as others find the note of it.
        async with asyncio.timeout(NOTICED_SECONDS + 1 if moment == "announcement" else 1):
            while await statuses(workers, newest["access_token"]) != [401] * 4:
                assert moment == "announcement"
                await asyncio.sleep(0.1)
