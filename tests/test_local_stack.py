"""The embedded servers: started, stopped, found again after every kind of crash."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from redis import Redis
from redis.exceptions import RedisError

from app import server_account
from app.follow_parent import Account, command
from app.local_stack import LocalStack, LocalStackError, StackInUseError
from tests.conftest import directory_for_servers

AS_ROOT = os.geteuid() == 0


OWNER = """
import os, pathlib, signal, sys, time
from app.local_stack import LocalStack
LocalStack(pathlib.Path(sys.argv[1]), durable=False).start()
print("up", flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """Where the servers of this module keep their data."""
    path = directory_for_servers()
    yield path
    shutil.rmtree(path)


@pytest.fixture
def fresh(server_directory: Path) -> Path:
    """A directory in which no server ever was."""
    return server_directory


@pytest.fixture
def stack(directory: Path) -> Iterator[LocalStack]:
    """A running stack; its data is the module's, because making a cluster is slow."""
    with LocalStack(directory, durable=False) as running:
        yield running


def ask(stack: LocalStack, sql: str) -> object:
    """The one value that a statement returns."""

    async def answer() -> object:
        connection = await asyncpg.connect(stack.database_url(), timeout=5)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(answer())


def keep_a_seven(stack: LocalStack) -> None:
    """Commits one row."""
    ask(stack, "DROP TABLE IF EXISTS kept")
    ask(stack, "CREATE TABLE kept AS SELECT 7 AS value")


def redis(stack: LocalStack) -> "Redis":
    return Redis.from_url(stack.redis_url(), socket_timeout=0.5, retry=None)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def processes_in(directory: Path) -> list[psutil.Process]:
    """What runs in a stack's directory."""
    return [p for p in psutil.process_iter(["cwd"]) if str(p.info["cwd"]).startswith(str(directory))]


def kill_an_owner(directory: Path) -> None:
    """Starts a stack in a process of its own, and kills the process when both servers are up."""
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(directory)], stdout=subprocess.PIPE)
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"up\n"
    owner.kill()
    owner.communicate()


class TestStart:
    def test_both_servers_answer(self, stack: LocalStack):
        assert str(ask(stack, "SHOW server_version")).startswith("18.")
        assert redis(stack).ping()

    def test_there_is_room_for_a_hundred_connections(self, stack: LocalStack):
        assert int(str(ask(stack, "SHOW max_connections"))) >= 100

    def test_nobody_else_can_connect(self, stack: LocalStack, directory: Path):
        assert ask(stack, "SHOW listen_addresses") == ""
        for server in ("postgres", "valkey"):
            assert stat.S_IMODE((directory / server).stat().st_mode) == 0o700

    def test_data_survives_a_restart(self, stack: LocalStack):
        keep_a_seven(stack)
        stack.stop()
        stack.start()
        assert ask(stack, "SELECT value FROM kept") == 7

    def test_what_is_written_is_durable_unless_told_otherwise(self, stack: LocalStack, directory: Path):
        assert ask(stack, "SHOW fsync") == "off"
        stack.stop()
        with LocalStack(directory) as durable:
            assert ask(durable, "SHOW fsync") == "on"

    def test_a_second_owner_is_told_who_the_first_is(self, stack: LocalStack, directory: Path):
        with pytest.raises(StackInUseError, match=f"Process {os.getpid()} "):
            LocalStack(directory).start()
        assert redis(stack).ping()

    def test_without_valkey_there_is_no_redis_url(self, directory: Path):
        with LocalStack(directory, durable=False, with_valkey=False) as stack:
            assert stack.redis_url() == ""

    @pytest.mark.parametrize("name", ["x" * 110, "a,b", "a b'c\"d%41é"])
    def test_a_path_that_is_no_good_for_a_socket_or_a_url_is_no_obstacle(
        self, fresh: Path, name: str, monkeypatch: pytest.MonkeyPatch
    ):
        (fresh / "t").mkdir(mode=0o711)
        monkeypatch.setattr(tempfile, "tempdir", str(fresh / "t"))
        with LocalStack(fresh / name, durable=False) as stack:
            assert ask(stack, "SELECT 1") == 1
            assert redis(stack).ping()

    def test_a_place_of_another_user_is_refused_by_name(self, fresh: Path):
        (fresh / "valkey").symlink_to(tempfile.gettempdir())
        with pytest.raises(LocalStackError, match="valkey may not be used"):
            LocalStack(fresh, durable=False).start()


class TestStop:
    def test_nothing_is_left_running(self, stack: LocalStack, directory: Path):
        assert processes_in(directory)
        stack.stop()
        assert processes_in(directory) == []

    def test_a_second_time_does_nothing(self, stack: LocalStack):
        stack.stop()
        stack.stop()


class TestAfterACrash:
    def test_the_servers_of_a_killed_owner_do_not_stay_in_the_way(self, directory: Path):
        kill_an_owner(directory)
        with LocalStack(directory, durable=False) as stack:
            assert ask(stack, "SELECT 1") == 1

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent is gone")
    def test_the_servers_end_with_their_owner(self, directory: Path):
        kill_an_owner(directory)
        wait_until(lambda: processes_in(directory) == [])

    def test_servers_that_outlived_their_owner_are_stopped_and_replaced(self, stack: LocalStack, directory: Path):
        program = stack.postgres.program
        stack.stop()
        account = program.account
        orphan = subprocess.Popen(
            program.arguments,
            cwd=program.directory,
            stderr=subprocess.DEVNULL,
            user=account.uid if account else None,
            group=account.gid if account else None,
        )
        wait_until(lambda: program.is_ready(orphan.pid))
        stack.start()
        assert orphan.wait(10) == 0
        assert ask(stack, "SELECT 1") == 1

    def test_a_process_number_that_belongs_to_another_program_now_is_no_obstacle(
        self, stack: LocalStack, directory: Path
    ):
        account = stack.postgres.program.account
        stack.stop()
        stranger = subprocess.Popen(command(["/bin/sleep", "60"], stop_signal=signal.SIGTERM, account=account))
        lines = [
            str(stranger.pid),
            str(directory / "postgres"),
            "1",
            "5432",
            str(directory / "postgres"),
            "",
            "1 1",
            "ready",
        ]
        (directory / "postgres" / "postmaster.pid").write_text("\n".join(lines) + "\n")
        try:
            stack.start()
            assert ask(stack, "SELECT 1") == 1
            assert stranger.poll() is None
        finally:
            stranger.kill()
            stranger.wait()

    def test_an_initialisation_that_was_cut_off_is_begun_anew(self, fresh: Path):
        (fresh / "postgres.unfinished").mkdir()
        (fresh / "postgres.unfinished" / "PG_VERSION").write_text("18\n")
        with LocalStack(fresh, durable=False) as stack:
            assert ask(stack, "SELECT 1") == 1

    def test_a_server_that_cannot_start_says_why(self, stack: LocalStack, directory: Path):
        stack.stop()
        version = directory / "postgres" / "PG_VERSION"
        found = version.read_text()
        version.write_text("9.6\n")
        try:
            with pytest.raises(LocalStackError, match=r"version 9\.6"):
                stack.start()
        finally:
            version.write_text(found)
        assert processes_in(directory) == []


class TestFaults:
    def test_a_killed_postgres_recovers_what_was_committed(self, stack: LocalStack, directory: Path):
        keep_a_seven(stack)
        stack.postgres.kill()
        assert not stack.postgres.is_running
        with pytest.raises(OSError, match="Connection refused"):
            ask(stack, "SELECT 1")
        stack.postgres.start()
        assert ask(stack, "SELECT value FROM kept") == 7

    def test_a_frozen_valkey_is_silent_until_it_thaws(self, stack: LocalStack):
        assert stack.valkey is not None
        stack.valkey.freeze()
        with pytest.raises(RedisError):
            redis(stack).ping()
        stack.valkey.thaw()
        assert redis(stack).ping()


@pytest.mark.skipif(not AS_ROOT, reason="only root runs PostgreSQL as another user")
class TestAccount:
    def test_it_is_the_owner_of_the_project(self, fresh: Path):
        os.chown(fresh, 65534, 65534)
        account = server_account.choose_account(fresh / ".data")
        assert account is not None
        assert account.uid == 65534

    def test_it_is_never_root(self, fresh: Path):
        account = server_account.choose_account(fresh / ".data")
        assert account is not None
        assert account.uid != 0

    def test_private_parents_let_it_through_and_nothing_more(self, fresh: Path, caplog: pytest.LogCaptureFixture):
        home = fresh / "home"
        (home / "project").mkdir(parents=True)
        home.chmod(0o700)
        server_account.let_through(Account(65534, 65534), home / "project")
        assert stat.S_IMODE(home.stat().st_mode) == 0o701
        assert f"chmod o-x {home}" in caplog.text
