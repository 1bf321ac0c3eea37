"""How server processes start, drain and stop."""

import os
import signal
import socket
import threading
import time
from contextlib import suppress
from http.client import HTTPException

import psutil
import pytest

from app.server import ListenError, listen
from tests.server_processes import Server, free_port, serving, start, wait_until


def in_background(server: Server, path: str) -> tuple[threading.Thread, list[int]]:
    """A request under way; its status is in the list when the thread has ended."""
    statuses: list[int] = []
    thread = threading.Thread(target=lambda: statuses.append(server.get(path)[0]))
    thread.start()
    return thread, statuses


def is_draining(server: Server) -> bool:
    return server.get()[0] == 503


def pids_that_answer(server: Server) -> set[int]:
    """The processes that some requests met."""
    pids: set[int] = set()
    for _ in range(20):
        with suppress(OSError, HTTPException):
            pids.add(server.pid_that_answers())
    return pids


@pytest.mark.parametrize("workers", ["1", "2"])
class TestStop:
    def test_it_serves_on_while_it_drains_then_finishes_what_runs(self, workers: str):
        with serving(WORKERS=workers, DRAIN_SECONDS="1.5") as server:
            thread, statuses = in_background(server, "/slow?3")
            time.sleep(0.3)  # The request has to be under way; nothing outside shows when it is.
            server.process.terminate()
            wait_until(lambda: is_draining(server))
            _, facts, headers = server.get()
            assert facts["draining"] is True
            assert headers["connection"] == "close"
            wait_until(lambda: not server.answers())
            assert statuses == []
            thread.join()
            assert statuses == [503]  # Answered, by an application that knew that it was draining.
            assert server.process.wait(10) == 0

    def test_a_second_signal_ends_it_at_once(self, workers: str):
        with serving(WORKERS=workers, DRAIN_SECONDS="60") as server:
            server.process.terminate()
            wait_until(lambda: is_draining(server))
            family = psutil.Process(server.process.pid).children(recursive=True)
            server.process.terminate()
            assert server.process.wait(10) == 0
            assert psutil.wait_procs(family, timeout=10)[1] == []

    def test_ctrl_c_in_a_terminal_counts_once(self, workers: str):
        with serving(WORKERS=workers, DRAIN_SECONDS="0") as server:
            os.killpg(server.process.pid, signal.SIGINT)
            # A worker that Ctrl-C ends while it is still importing is missed when its health check times out.
            assert server.process.wait(30) == 0

    def test_an_application_that_does_not_start_is_a_failure(self, workers: str):
        assert start(free_port(), WORKERS=workers, FAIL_TO_START="1").wait(30) == 1


class TestWorkers:
    def test_several_processes_share_the_port(self):
        with serving(WORKERS="2") as server:
            wait_until(lambda: len(pids_that_answer(server)) == 2)

    def test_a_killed_worker_is_replaced(self):
        with serving(WORKERS="2", DRAIN_SECONDS="0") as server:
            wait_until(lambda: len(pids_that_answer(server)) == 2)
            killed = min(pids_that_answer(server))
            os.kill(killed, signal.SIGKILL)
            wait_until(lambda: len(pids_that_answer(server) - {killed}) == 2)

    def test_workers_do_not_outlive_their_supervisor(self):
        with serving(WORKERS="2", DRAIN_SECONDS="0") as server:
            family = psutil.Process(server.process.pid).children(recursive=True)
            server.process.kill()
            assert psutil.wait_procs(family, timeout=20)[1] == []


class TestListen:
    def test_a_taken_port_is_named_and_another_one_offered(self):
        port = free_port()
        with socket.create_server(("127.0.0.1", port)), pytest.raises(ListenError) as refusal:
            listen("127.0.0.1", port)
        assert f"port {port}" in str(refusal.value)
        assert f"PORT={port + 1}" in str(refusal.value)

    def test_a_host_that_is_none_is_named(self):
        with pytest.raises(ListenError, match="HOST=no such host"):
            listen("no such host", 8000)

    def test_an_address_of_version_6_will_do(self):
        try:
            bound = listen("::1", free_port())
        except ListenError:
            pytest.skip("this machine has no IPv6")
        with bound:
            assert bound.family is socket.AF_INET6
