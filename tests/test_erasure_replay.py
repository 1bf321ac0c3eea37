"""A database that was restored from an older backup brings nobody back: they are gone before anybody is answered."""

import asyncio
import shutil
import subprocess
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import asyncpg
import httpx
import pytest

from app.database.executor import Database
from app.domain.erasure import commands, content_repository
from app.domain.identity.authority import Authority
from app.domain.identity.authority import authority as authority_of
from app.domain.users.user import User
from app.erasure_ledger import ErasureLedger
from app.erasure_replay import means_of
from app.local_stack import LocalStackError, postgres_binaries
from app.settings import Settings, load_settings
from app.worker import JOBS
from tests.conftest import TEMPLATE, WORKER, Running, Stack, recreate, running, with_number
from tests.factories import PASSWORD, bearer, make_user, open_session
from tests.test_cli import todo

NAME = f"todo_{WORKER}_restored_test"


@dataclass(frozen=True)
class Restored:
    """Ann was erased; then the database was restored from a backup in which she is."""

    url: str
    settings: Settings
    ledger: Path
    ann: User
    bob: User
    headers: dict[str, str]

    async def people(self) -> set[str]:
        connection = await asyncpg.connect(self.url)
        try:
            return {row[0] for row in await connection.fetch("SELECT email FROM users")}
        finally:
            await connection.close()


def program(name: str) -> str:
    """A client program of PostgreSQL: the embedded server's, or that of the machine."""
    try:
        return str(postgres_binaries() / name)
    except LocalStackError:
        return shutil.which(name) or pytest.skip(f"there is no {name} here")


def run(*arguments: str) -> None:
    subprocess.run(arguments, check=True, capture_output=True, timeout=120)


@pytest.fixture
async def restored(stack: Stack, tmp_path: Path) -> Restored:
    url = await recreate(stack.admin_url, NAME, template=TEMPLATE)
    (tmp_path / "ledger").mkdir()
    ledger, backup = tmp_path / "ledger" / "erasures", tmp_path / "backup"
    redis_url = with_number(stack.redis_url, int(WORKER.removeprefix("gw")))
    settings = load_settings(
        ENVIRONMENT="test",
        DATABASE_URL=url,
        REDIS_URL=redis_url,
        ERASURE_LEDGER_PATH=str(ledger),
        RATE_LIMIT_FACTOR="1000",
        DRAIN_SECONDS="0",
    )
    authority: Authority = authority_of(settings.security)
    database = Database(settings.database)
    ann, bob = await make_user(database), await make_user(database)
    headers = bearer(await open_session(database, authority, ann))
    run(program("pg_dump"), "--format=custom", f"--file={backup}", f"--dbname={url}")
    async with database.transaction() as work:
        await work._connection.raw.execute("UPDATE users SET deletion_scheduled_at = now() WHERE id = $1", ann.id)
    assert await commands.erase_due(database, means_of(settings)) == 1
    await database.close()
    authority.close()
    await recreate(stack.admin_url, NAME)
    run(program("pg_restore"), "--exit-on-error", f"--dbname={url}", str(backup))
    return Restored(url, settings, ledger, ann, bob, headers)


def client_of(service: Running) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(service.app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000")


async def log_in(client: httpx.AsyncClient, user: User) -> int:
    return (await client.post("/api/v2/auth/login", json={"email": user.email, "password": PASSWORD})).status_code


class TestServing:
    async def test_whoever_was_erased_is_gone_before_the_first_answer(self, restored: Restored) -> None:
        assert await restored.people() == {restored.ann.email, restored.bob.email}
        async with running(restored.settings) as service, client_of(service) as client:
            assert (await client.get("/api/v2/me", headers=restored.headers)).status_code == 401
            assert await restored.people() == {restored.bob.email}
            assert (await client.get("/health/ready")).status_code == 200
            assert [await log_in(client, user) for user in (restored.ann, restored.bob)] == [401, 200]

    async def test_without_the_ledger_they_are_back(self, restored: Restored) -> None:
        privacy = restored.settings.privacy.model_copy(update={"erasure_ledger_path": ""})
        settings = restored.settings.model_copy(update={"privacy": privacy})
        async with running(settings) as service, client_of(service) as client:
            assert await log_in(client, restored.ann) == 200

    async def test_nobody_is_served_until_it_has_been_read(
        self, restored: Restored, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("app.erasure_replay.PATIENCE_SECONDS", 0.05)
        monkeypatch.setattr("app.erasure_replay.PAUSE_SECONDS", 0.05)
        good = restored.ledger.read_bytes()
        restored.ledger.write_bytes(b"not a ledger\n" + good)
        async with running(restored.settings) as service, client_of(service) as client:
            for path in ("/health/ready", "/api/v2/me"):
                answer = await client.get(path, headers=restored.headers)
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert await log_in(client, restored.bob) == 503
            assert (await client.get("/health/live")).status_code == 200
            # At once, as half a ledger is one that knows nobody.
            (restored.ledger.parent / "good").write_bytes(good)
            (restored.ledger.parent / "good").replace(restored.ledger)
            await asyncio.wait_for(service.services.replay, timeout=20)
            assert (await client.get("/api/v2/me", headers=restored.headers)).status_code == 401
            assert await restored.people() == {restored.bob.email}

    @pytest.mark.parametrize("obstacle", ["a bug", "an erasure that takes long"])
    async def test_who_cannot_be_erased_at_once_is_shut_out_and_keeps_nobody_waiting(
        self, restored: Restored, monkeypatch: pytest.MonkeyPatch, obstacle: str
    ) -> None:
        async def obstruct(*_arguments: object) -> None:
            if obstacle == "a bug":
                raise ZeroDivisionError
            await asyncio.sleep(3600)

        monkeypatch.setattr("app.erasure_replay.ERASING_SECONDS", 0.2)
        with monkeypatch.context() as patched:
            patched.setattr(content_repository, "email", obstruct)
            async with running(restored.settings) as service, client_of(service) as client:
                assert service.services.replay.done()
                assert (await client.get("/api/v2/me", headers=restored.headers)).status_code == 401
                assert (await client.get("/health/ready")).status_code == 200
                assert [await log_in(client, user) for user in (restored.ann, restored.bob)] == [401, 200]
        database = Database(restored.settings.database)
        assert await commands.erase_due(database, means_of(restored.settings)) == 1
        await database.close()
        assert await restored.people() == {restored.bob.email}

    async def test_an_empty_ledger_and_none_at_all_keep_nobody_waiting(self, restored: Restored) -> None:
        restored.ledger.unlink()
        async with running(restored.settings) as service, client_of(service) as client:
            assert (await client.get("/health/ready")).status_code == 200

    async def test_what_was_replayed_is_known_from_then_on(self, restored: Restored) -> None:
        async with running(restored.settings):
            pass
        database = Database(restored.settings.database)
        entries = ErasureLedger(restored.ledger).erasures()
        with database.observed() as names:
            assert await commands.replay(database, means_of(restored.settings), entries) == 0
        assert names == ["erasures.unknown"]
        await database.close()


class TestWorker:
    async def test_a_database_that_was_restored_under_a_process_is_seen_to_within_a_minute(
        self, restored: Restored
    ) -> None:
        ledger, job = restored.ledger.read_bytes(), {job.name: job for job in JOBS}["replay_erasures"]
        restored.ledger.unlink()
        async with running(restored.settings) as service, client_of(service) as client:
            assert (await client.get("/api/v2/me", headers=restored.headers)).status_code == 200
            restored.ledger.write_bytes(ledger)
            assert await job.run(service.services) == 1
            assert job.interval <= timedelta(minutes=1)
            assert await restored.people() == {restored.bob.email}
            with service.services.database.observed() as names:
                assert await job.run(service.services) == 0
            assert names == ["erasures.unknown"]


class TestCommands:
    async def test_migrating_erases_them(self, restored: Restored) -> None:
        done = todo("migrate", DATABASE_URL=restored.url, ERASURE_LEDGER_PATH=str(restored.ledger))
        assert done.returncode == 0, done.stderr
        assert await restored.people() == {restored.bob.email}

    async def test_a_ledger_that_is_none_is_an_error(self, restored: Restored) -> None:
        restored.ledger.write_text("hello\n")
        done = todo("migrate", DATABASE_URL=restored.url, ERASURE_LEDGER_PATH=str(restored.ledger))
        assert (done.returncode, done.stderr.strip()) == (
            1,
            "This is no erasure ledger: line 1 is not one of its lines.",
        )
        assert await restored.people() == {restored.ann.email, restored.bob.email}

    async def test_a_list_can_be_taken_from_one_database_to_another(self, restored: Restored, tmp_path: Path) -> None:
        """As on a service without a ledger: exported before the restore, replayed after it."""
        exported = todo("erasures", "export", DATABASE_URL=restored.url, ERASURE_LEDGER_PATH=str(restored.ledger))
        assert exported.stdout == restored.ledger.read_text()
        (tmp_path / "list").write_text(exported.stdout)
        done = todo("erasures", "replay", str(tmp_path / "list"), DATABASE_URL=restored.url)
        assert (done.returncode, done.stdout.partition(",")[0]) == (
            0,
            "1 erasures are listed; 1 people were still there",
        )
        assert await restored.people() == {restored.bob.email}
        again = todo("erasures", "replay", str(tmp_path / "list"), DATABASE_URL=restored.url)
        assert again.stdout.startswith("1 erasures are listed; 0 people were still there,")
        assert todo("erasures", "export", DATABASE_URL=restored.url).stdout.split()[1] == exported.stdout.split()[1]

    async def test_what_cannot_be_asked_for(self, restored: Restored) -> None:
        for arguments in (("replay",), ("export", "file")):
            assert todo("erasures", *arguments, DATABASE_URL=restored.url).returncode == 2
