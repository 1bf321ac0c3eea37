"""Tests of running servers, with one of a few lines."""

import os
import sys
from pathlib import Path

import psutil
import pytest

from bench.messages import exchange, request
from bench.processes import CpuMeter, ServerError, cpu_seconds, free_port, serving

HELLO = request("GET", "/")
SERVER = """
import http.server, sys
class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print("asked", flush=True)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Hello).serve_forever()
"""


def command(program: str) -> list[str]:
    return [sys.executable, "-c", program, "{port}"]


class TestServing:
    def test_it_answers_until_the_block_ends(self, tmp_path: Path) -> None:
        with serving(
            "hello",
            command(SERVER),
            environment=dict(os.environ),
            directory=tmp_path,
            log=tmp_path / "log",
            answers=HELLO,
        ) as server:
            assert exchange(server.port, HELLO).status == 200
            assert server.first_answer_seconds > 0
            assert server.resident_bytes() > 0
        assert not psutil.pid_exists(server.pid)

    def test_a_server_that_ends_shows_its_last_words(self, tmp_path: Path) -> None:
        program = "raise SystemExit('no such database')"
        with (
            pytest.raises(ServerError, match="no such database"),
            serving(
                "broken", command(program), environment={}, directory=tmp_path, log=tmp_path / "log", answers=HELLO
            ),
        ):
            pass

    def test_its_log_begins_anew_when_it_is_emptied(self, tmp_path: Path) -> None:
        log = tmp_path / "log"
        with serving(
            "hello", command(SERVER), environment=dict(os.environ), directory=tmp_path, log=log, answers=HELLO
        ) as server:
            server.empty_log()
            assert log.read_text() == ""
            exchange(server.port, HELLO)
            assert "asked" in log.read_text().splitlines()


class TestCpuMeter:
    def test_it_takes_the_time_between_its_ends_only(self) -> None:
        before = cpu_seconds(os.getpid())
        with CpuMeter({"this": os.getpid()}) as meter:
            while cpu_seconds(os.getpid()) < before + 0.05:
                pass
        assert meter.seconds["this"] == pytest.approx(cpu_seconds(os.getpid()) - before, abs=0.05)

    def test_a_process_that_is_gone_uses_nothing(self) -> None:
        assert cpu_seconds(2**22 + 1) == 0.0


def test_a_free_port_can_be_listened_on() -> None:
    assert 0 < free_port() < 65_536
