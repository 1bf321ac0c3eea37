"""`todo dev`, from a newcomer's first look to the crash of any part of it."""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from app.database.executor import Database
from app.domain.messages import commands as messages
from app.domain.messages.message import Message
from app.domain.unit_of_work import unit_of_work
from app.field_encryption import field_cipher
from app.local_stack import LocalStack
from app.settings import load_settings
from tests.conftest import directory_for_servers
from tests.server_processes import free_port

DEV = [sys.executable, "-P", "-m", "app.cli", "dev"]


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """One project for all tests here: its data survives every one of them."""
    path = directory_for_servers()
    yield path
    shutil.rmtree(path)


class Dev:
    """A running `todo dev`, and the block that it printed."""

    def __init__(self, process: subprocess.Popen[str], block: str) -> None:
        self.process = process
        self.block = block
        self.family = psutil.Process(process.pid).children(recursive=True)

    def pasted(self) -> dict[str, list[dict[str, str]]]:
        """What the curl line of the block returns."""
        (line,) = [line for line in self.block.splitlines() if line.strip().startswith("curl ")]
        result = subprocess.run(["bash", "-c", line], capture_output=True, check=True)
        document: dict[str, list[dict[str, str]]] = json.loads(result.stdout)
        return document

    def refuses(self, api_key: str) -> bool:
        """True if the API knows no such key."""
        base = re.findall(r"http://[\d.:]+", self.block)[0]
        return httpx.get(f"{base}/api/v2/todos", headers={"Authorization": f"Bearer {api_key}"}).status_code == 401

    def child(self, command: str) -> psutil.Process:
        """The child that runs a `todo` command."""
        (found,) = [process for process in self.family if _last_argument(process) == command]
        return found

    def server(self, program: str) -> psutil.Process:
        """The embedded server that runs this program."""
        own = psutil.Process(self.process.pid).children()
        (found,) = [process for process in own if Path(process.exe()).name == program]
        return found

    def has_left_nothing(self) -> bool:
        """True when everything that it started is gone; waits for it."""
        return psutil.wait_procs(self.family, timeout=20)[1] == []


def _last_argument(process: psutil.Process) -> str | None:
    # PostgreSQL's own children come and go.
    with suppress(psutil.NoSuchProcess):
        return next(reversed(process.cmdline()), None)
    return None


@contextmanager
def developing(directory: Path, **environment: str) -> Iterator[Dev]:
    """A `todo dev` that has printed its block; killed at the end if it has not ended by then."""
    process = subprocess.Popen(
        DEV,
        cwd=directory,
        env={**os.environ, "PORT": str(free_port()), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        block = ""
        while "curl " not in block:
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            block += line
        dev = Dev(process, block)
        try:
            yield dev
        finally:
            process.kill()
            assert dev.has_left_nothing()
    finally:
        process.kill()
        process.communicate()


class TestStart:
    def test_the_block_says_where_everything_is_and_its_curl_returns_data(self, directory: Path):
        port = free_port()
        with developing(directory, HOST="127.0.0.2", PORT=str(port)) as dev:
            assert f"http://127.0.0.2:{port}\n" in dev.block
            assert f"http://127.0.0.2:{port}/docs/v2\n" in dev.block
            assert re.search(r"Demo login +demo@example\.com / \S+", dev.block)
            assert re.search(r"Demo API key +todo_pat_\w{49}, for a day\n", dev.block)
            assert len(dev.pasted()["items"]) == 3

    def test_its_key_is_the_only_one_however_often_it_is_started(self, directory: Path):
        keys: list[str] = []
        for _ in range(2):
            with developing(directory) as dev:
                assert all(dev.refuses(key) for key in keys)
                keys.append(re.findall(r"todo_pat_\w+", dev.block)[0])
                assert not dev.refuses(keys[-1])
                dev.process.terminate()
                dev.process.wait(20)

    def test_the_service_is_not_the_owner_of_its_database(self, directory: Path):
        with developing(directory) as dev:
            assert "postgresql://todo_service@" in dev.block
            doctor = subprocess.run(
                [*DEV[:-1], "doctor"], cwd=directory, env=dict(os.environ), capture_output=True, text=True, check=False
            )
        assert "ok    audit log: the role todo_service only adds to it\n" in doctor.stdout

    def test_demo_data_is_put_in_once(self, directory: Path):
        with developing(directory) as dev:
            before = [todo["id"] for todo in dev.pasted()["items"]]
            dev.process.terminate()
            dev.process.wait(20)
        with developing(directory) as dev:
            assert [todo["id"] for todo in dev.pasted()["items"]] == before

    def test_a_taken_port_is_said_before_anything_is_started(self, server_directory: Path):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            environment = {**os.environ, "PORT": str(port)}
            result = subprocess.run(
                DEV, cwd=server_directory, env=environment, capture_output=True, text=True, check=False
            )
        assert result.returncode == 2
        assert f"port {port}" in result.stderr
        assert f"PORT={port + 1}" in result.stderr
        assert list(server_directory.iterdir()) == []

    def test_a_second_one_in_the_same_place_is_refused(self, directory: Path):
        with LocalStack(directory / ".data"):
            environment = {**os.environ, "PORT": str(free_port())}
            result = subprocess.run(DEV, cwd=directory, env=environment, capture_output=True, text=True, check=False)
        assert result.returncode == 1
        assert f"Process {os.getpid()} already runs" in result.stderr


class TestMessages:
    async def test_what_is_written_to_people_appears_on_the_terminal(self, directory: Path):
        with developing(directory) as dev:
            found = re.search(r"Database +(\S+)", dev.block)
            assert found
            assert dev.process.stdout is not None
            settings = load_settings(DATABASE_URL=found[1])
            database = Database(settings.database)
            message = Message(kind="greeting", channel="mail", to="ann@example.com", text="Follow https://x.example/1")
            async with unit_of_work(database) as work:
                await messages.send(work, field_cipher(settings.encryption), message)
            await database.close()
            shown = ""
            while "mail | Follow https://x.example/1\n" not in shown:
                shown += await asyncio.wait_for(asyncio.to_thread(dev.process.stdout.readline), timeout=20)
            assert "mail | To: ann@example.com\n" in shown
            assert '"event"' not in shown, "the log itself stays in its file"


class TestStop:
    @pytest.mark.parametrize("stop_signal", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_a_signal_ends_everything_in_order(self, directory: Path, stop_signal: signal.Signals):
        with developing(directory) as dev:
            os.killpg(dev.process.pid, stop_signal)  # As a terminal does.
            assert dev.process.wait(20) == 0
            assert dev.has_left_nothing()
            assert dev.process.communicate()[1] == ""

    @pytest.mark.parametrize("command", ["serve", "worker"])
    def test_when_a_part_dies_the_rest_is_stopped_and_its_last_words_are_shown(self, directory: Path, command: str):
        with developing(directory) as dev:
            dev.child(command).kill()
            assert dev.process.wait(20) == 1
            assert dev.has_left_nothing()
            assert "has ended" in dev.process.communicate()[1]

    @pytest.mark.parametrize(("program", "name"), [("postgres", "PostgreSQL"), ("valkey-server", "Valkey")])
    def test_a_server_below_that_dies_is_named_and_ends_the_rest(self, directory: Path, program: str, name: str):
        with developing(directory) as dev:
            dev.server(program).kill()
            assert dev.process.wait(20) == 1
            assert dev.has_left_nothing()
            assert f"{name} has ended" in dev.process.communicate()[1]

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent is gone")
    def test_nothing_outlives_a_kill_and_nothing_blocks_the_next_start(self, directory: Path):
        with developing(directory) as dev:
            dev.process.kill()
            assert dev.has_left_nothing()
        with developing(directory) as dev:
            assert dev.pasted()["items"]


class TestOtherCommands:
    def test_two_that_need_the_servers_at_once_take_turns(self, server_directory: Path):
        migrate = [*DEV[:-1], "migrate"]
        started = [
            subprocess.Popen(migrate, cwd=server_directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        said = [process.communicate(timeout=60) for process in started]
        assert [process.returncode for process in started] == [0, 0], said
        assert all(out.startswith("The database is at ") for out, _ in said)
