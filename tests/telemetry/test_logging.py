"""Tests of the configured logs: one shape for all loggers, levels, tracebacks and what is held back."""

import asyncio
import io
import json
import logging
import subprocess
import sys
import warnings
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from app.settings import load_settings
from app.telemetry.logging import configure, get_logger, line_writer, log_once_a_minute


def configured(**variables: str) -> io.BytesIO:
    stream = io.BytesIO()
    configure(load_settings(ENVIRONMENT="test", **variables), stream=stream)
    return stream


def written(stream: io.BytesIO) -> str:
    return stream.getvalue().decode()


def records(stream: io.BytesIO) -> list[dict[str, Any]]:
    logging.getLogger().handlers[0].flush()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def fail(*, private: str) -> None:
    raise ValueError("no user ada@example.org")


class TestShape:
    def test_a_line_is_one_json_object_with_time_level_logger_and_event(self):
        stream = configured()
        get_logger("app.todos").info("todo_completed", todo_id=7)
        (record,) = records(stream)
        moment = datetime.fromisoformat(record.pop("timestamp"))
        assert abs(datetime.now(UTC) - moment) < timedelta(minutes=1)
        assert record == {"level": "info", "logger": "app.todos", "event": "todo_completed", "todo_id": 7}

    @pytest.mark.parametrize("name", ["uvicorn.error", "uvicorn", "asyncio", "some.library"])
    def test_the_logs_of_libraries_have_the_same_shape(self, name: str):
        stream = configured()
        logging.getLogger(name).warning("%d of %s", 3, "them")
        (record,) = records(stream)
        del record["timestamp"]
        assert record == {"level": "warning", "logger": name, "event": "3 of them"}

    def test_handlers_that_uvicorn_brought_along_are_removed(self):
        uvicorn_stream = io.StringIO()
        logging.getLogger("uvicorn").addHandler(logging.StreamHandler(uvicorn_stream))
        logging.getLogger("uvicorn").propagate = False
        stream = configured()
        logging.getLogger("uvicorn").info("started")
        assert [record["event"] for record in records(stream)] == ["started"]
        assert uvicorn_stream.getvalue() == ""

    def test_every_log_within_a_request_carries_its_id(self):
        stream = configured()
        with structlog.contextvars.bound_contextvars(request_id="abcdefgh"):
            get_logger("app").info("ours")
            logging.getLogger("library").info("theirs")
        get_logger("app").info("outside")
        assert [record.get("request_id") for record in records(stream)] == ["abcdefgh", "abcdefgh", None]

    def test_line_breaks_and_odd_characters_cannot_forge_a_second_line(self):
        stream = configured()
        get_logger("app").info("a\n{}", value="\u2028\ud800\x1b[31m")
        logging.getLogger().handlers[0].flush()
        assert written(stream).count("\n") == 1
        assert stream.getvalue().isascii()

    def test_warnings_of_python_are_logs(self):
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            stream = configured()
            warnings.warn("old thing", DeprecationWarning, stacklevel=1)
        (record,) = records(stream)
        assert record["logger"] == "py.warnings"
        assert "old thing" in record["event"]

    def test_the_console_format_is_for_people(self):
        stream = configured(LOG_FORMAT="console")
        get_logger("app").info("todo_completed", token="t0ken")
        logging.getLogger().handlers[0].flush()
        assert "todo_completed" in written(stream)
        assert "t0ken" not in written(stream)

    def test_configuring_again_replaces_and_does_not_repeat(self):
        first, second = configured(), configured()
        get_logger("app").info("once")
        assert [record["event"] for record in records(second)] == ["once"]
        assert written(first) == ""


class TestLevels:
    def test_what_is_below_the_level_is_not_written(self):
        stream = configured(LOG_LEVEL="warning")
        for logger in (get_logger("app"), logging.getLogger("library")):
            logger.info("quiet")
            logger.warning("loud")
        assert [record["event"] for record in records(stream)] == ["loud", "loud"]

    def test_the_http_client_does_not_write_the_urls_it_calls(self):
        stream = configured()
        logging.getLogger("httpx").info("GET https://mail.example.org/?key=1")
        logging.getLogger("httpx").warning("odd answer")
        assert [record["event"] for record in records(stream)] == ["odd answer"]

    def test_a_logger_made_before_follows_what_is_configured_later(self):
        logger = get_logger("app")
        stream = configured(LOG_LEVEL="debug")
        logger.debug("seen")
        assert [record["event"] for record in records(stream)] == ["seen"]


class TestTracebacks:
    @pytest.mark.parametrize("log_format", ["json", "console"])
    def test_an_exception_is_written_without_local_variables_and_secrets(self, log_format: str):
        stream = configured(LOG_FORMAT=log_format)
        try:
            fail(private="kept in a " + "variable")
        except ValueError:
            get_logger("app").exception("broken")
            logging.getLogger("library").exception("broken too")
        logging.getLogger().handlers[0].flush()
        text = written(stream)
        assert text.count("ValueError") >= 2
        assert "test_logging.py" in text
        assert "kept in a variable" not in text
        assert "ada@example.org" not in text

    def test_as_json_it_is_data(self):
        stream = configured()
        try:
            fail(private="")
        except ValueError:
            get_logger("app").exception("broken")
        (record,) = records(stream)
        assert record["level"] == "error"
        (stack,) = record["exception"]
        assert stack["exc_type"] == "ValueError"
        assert stack["frames"][-1]["name"] == "fail"
        assert not any(frame.get("locals") for frame in stack["frames"])

    async def test_a_forgotten_task_is_logged_too(self):
        stream = configured()

        async def fail() -> None:
            raise ValueError("in the background")

        task = asyncio.create_task(fail())
        await asyncio.wait([task])
        task.get_loop().call_exception_handler({"message": "task failed", "exception": task.exception()})
        (record,) = records(stream)
        assert (record["logger"], record["exception"][0]["exc_type"]) == ("asyncio", "ValueError")


class TestLineWriter:
    def test_lines_and_records_keep_their_order(self):
        stream = configured()
        write = line_writer()
        write(b'{"event": "request"}\n')
        get_logger("app").info("after")
        write(b'{"event": "request"}\n')
        assert [record["event"] for record in records(stream)] == ["request", "after", "request"]

    def test_without_configuration_lines_go_nowhere(self):
        line_writer()(b"nobody listens\n")

    @pytest.mark.parametrize(
        "ending",
        [
            "pass",
            "raise ValueError",
            # As uvicorn's workers end: a last record, then the signal once more, without exit handlers.
            "import logging, signal\nlogging.getLogger('uvicorn.error').info('-')\nsignal.raise_signal(signal.SIGTERM)",
        ],
    )
    def test_no_line_is_lost_when_the_process_ends(self, ending: str):
        program = (
            "from app.settings import load_settings\n"
            "from app.telemetry.logging import configure, line_writer\n"
            "configure(load_settings())\n"
            "write = line_writer()\n"
            "for number in range(5000): write(b'%d\\n' % number)\n"
        )
        done = subprocess.run([sys.executable, "-c", program + ending], capture_output=True, text=True, check=False)
        assert done.stdout.split()[:5000] == [str(number) for number in range(5000)]


class TestLogOnceAMinute:
    def test_an_outage_is_logged_once_a_minute_with_the_number_held_back(self):
        now = 100.0
        with structlog.testing.capture_logs() as logs:
            warn = log_once_a_minute(get_logger("app"), clock=lambda: now)
            for second in range(130):
                now = 100.0 + second
                warn("redis_unavailable", error="refused")
        assert [(log["event"], log["suppressed"]) for log in logs] == [
            ("redis_unavailable", 0),
            ("redis_unavailable", 59),
            ("redis_unavailable", 59),
        ]

    def test_events_do_not_hold_each_other_back(self):
        with structlog.testing.capture_logs() as logs:
            warn = log_once_a_minute(get_logger("app"), clock=lambda: 0.0)
            warn("redis_unavailable")
            warn("mail_unavailable")
        assert [log["event"] for log in logs] == ["redis_unavailable", "mail_unavailable"]
