"""Tests of the last resort."""

import asyncio

import pytest
import structlog
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from app.database.errors import DatabaseUnavailable
from app.domain.errors import NotFound
from app.field_encryption import LostKey, Place
from app.middleware.unhandled_errors import UnhandledErrors


def failing(error: BaseException, *, has_begun: bool = False) -> UnhandledErrors:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if has_begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise error

    return UnhandledErrors(app)


class TestBug:
    async def test_becomes_a_problem_with_the_request_id_and_nothing_else(self, exchange):
        app = failing(ZeroDivisionError("SELECT secret FROM users"))
        with structlog.testing.capture_logs():
            answer = await exchange(app, "/api/v2/todos", state={"request_id": "abcdefgh"})
        assert answer.status == 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert b'"request_id":"abcdefgh"' in answer.body
        for private in (b"secret", b"ZeroDivision", b"Traceback", b".py"):
            assert private not in answer.body

    async def test_below_version_1_it_has_the_older_envelope(self, exchange):
        with structlog.testing.capture_logs():
            answer = await exchange(failing(ValueError()), "/api/v1/todos")
        assert answer.status == 500
        assert answer.body.startswith(b'{"error":')

    async def test_is_logged_as_an_error_with_its_traceback(self, exchange):
        with structlog.testing.capture_logs() as logs:
            await exchange(failing(ZeroDivisionError()), method="PATCH", route_template="/api/v2/todos/{todo_id}")
        assert logs == [
            {
                "event": "unhandled_error",
                "log_level": "error",
                "exc_info": True,
                "method": "PATCH",
                "route": "/api/v2/todos/{todo_id}",
            }
        ]

    async def test_a_lost_encryption_key_is_named_in_the_log_and_to_nobody_else(self, exchange):
        place = Place("factors", "secret", "7")
        with structlog.testing.capture_logs() as logs:
            answer = await exchange(failing(LostKey("k1", place)), "/api/v2/todos")
        assert (answer.status, [log["log_level"] for log in logs]) == (500, ["error"])
        assert b'"code":"STORED_VALUE_UNREADABLE"' in answer.body
        for private in (b"k1", b"factors", b"ENCRYPTION_KEYS"):
            assert private not in answer.body

    async def test_after_the_answer_has_begun_it_goes_on_to_the_server(self, exchange):
        with structlog.testing.capture_logs() as logs, pytest.raises(ZeroDivisionError):
            await exchange(failing(ZeroDivisionError(), has_begun=True))
        assert logs == []


class TestExpected:
    async def test_a_refusal_of_the_domain_keeps_its_status_and_is_no_error(self, exchange):
        with structlog.testing.capture_logs() as logs:
            answer = await exchange(failing(NotFound("todo")))
        assert (answer.status, logs) == (404, [])

    async def test_a_database_that_is_away_is_503_with_retry_after(self, exchange):
        with structlog.testing.capture_logs() as logs:
            answer = await exchange(failing(DatabaseUnavailable("DATABASE_DOWN")))
        assert (answer.status, logs) == (503, [])
        assert int(answer.headers["retry-after"]) > 0

    async def test_a_client_that_has_gone_is_not_answered_and_no_error(self, exchange):
        with structlog.testing.capture_logs() as logs:
            answer = await exchange(failing(ClientDisconnect()))
        assert answer.messages == []
        assert [log["log_level"] for log in logs] == ["info"]

    @pytest.mark.parametrize("signal", [asyncio.CancelledError, KeyboardInterrupt, SystemExit])
    async def test_what_ends_the_task_or_the_process_passes(self, exchange, signal: type[BaseException]):
        with pytest.raises(signal):
            await exchange(failing(signal()))

    async def test_other_protocols_pass(self, passes_through):
        assert await passes_through(UnhandledErrors)
