"""Tests of the access log: what a line holds, and what it must not."""

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.api.problems import problem
from app.middleware.access_log import AccessLog, as_console


async def complete(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers as a matched route of a known caller does."""
    scope["route_template"] = "/api/v2/todos/{todo_id}/complete"
    scope["caller_id"] = "ada"
    await PlainTextResponse("done")(scope, receive, send)


class Log(list[bytes]):
    """Collects the lines of one layer."""

    def layer(self, app: Any, **options: Any) -> AccessLog:
        return AccessLog(app, write=self.append, **options)

    @property
    def records(self) -> list[dict[str, Any]]:
        assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in self)
        return [json.loads(line) for line in self]

    @property
    def record(self) -> dict[str, Any]:
        (record,) = self.records
        return record


@pytest.fixture
def log() -> Log:
    return Log()


class TestLine:
    async def test_a_request_is_one_line_with_what_is_known_of_it(self, exchange, log: Log):
        state = {"request_id": "abcdefgh", "trace_id": "0af7", "client_address": "192.0.2.1"}
        await exchange(log.layer(complete), "/api/v2/todos/17/complete", method="POST", state=state)
        record = log.record
        assert record.pop("timestamp").endswith("Z")
        assert 0 < record.pop("duration_ms") < 10_000
        assert record == {
            "level": "info",
            "logger": "app.access",
            "event": "request",
            "method": "POST",
            "route": "/api/v2/todos/{todo_id}/complete",
            "status": 200,
            "bytes": 4,
            "caller_id": "ada",
            **state,
        }

    async def test_that_of_an_api_key_says_which(self, exchange, log: Log):
        """As it is left by whoever admits the caller; nothing else about the line is different."""
        key = UUID("0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a")

        async def admit(scope: Scope, receive: Receive, send: Send) -> None:
            scope["state"]["token_id"] = key
            await complete(scope, receive, send)

        for app in (complete, admit):
            await exchange(log.layer(app), "/api/v2/todos/17/complete", method="POST", state={"request_id": "abcdefgh"})
        of_session, of_key = log.records
        assert of_key.pop("api_key_id") == str(key)
        assert list(of_key) == list(of_session)

    async def test_neither_ids_nor_the_query_nor_credentials_are_in_it(self, browse, log: Log):
        async with browse(log.layer(complete)) as client:
            await client.post("/api/v2/todos/4711?q=private", headers={"Authorization": "Bearer abc", "Cookie": "c=1"})
        for private in ("4711", "private", "Bearer", "abc", "c=1"):
            assert private not in log[0].decode()

    async def test_the_bytes_of_a_stream_are_counted(self, browse, log: Log):
        async with browse(log.layer(StreamingResponse(iter([b"abc", b"", b"defg"])))) as client:
            await client.get("/")
        assert log.record["bytes"] == 7

    async def test_a_refusal_shows_its_code(self, exchange, log: Log):
        async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
            await problem(scope, 409, "TAG_EXISTS", "There is one.")(scope, receive, send)

        await exchange(log.layer(refuse), "/api/v2/tags")
        assert (log.record["status"], log.record["error_code"]) == (409, "TAG_EXISTS")

    async def test_where_no_route_matched_the_path_is_shown_cut_and_redacted(self, exchange, log: Log):
        app = log.layer(PlainTextResponse("no", 404))
        await exchange(app, "/feeds/todo_pat_123456/ada@example.org/" + "x" * 500)
        assert log.record["path"].startswith("/feeds/[redacted]/[redacted]/xxx")
        assert len(log.record["path"]) <= 220
        assert "route" not in log.record

    @pytest.mark.parametrize("path", ['/"},\n{"', "/\ud800\udfff", "/\x00\x1b[31m", "/\u2028"])
    async def test_an_odd_path_cannot_break_the_line(self, exchange, log: Log, path: str):
        await exchange(log.layer(PlainTextResponse("no", 404)), path)
        assert log.record["status"] == 404

    async def test_for_people_it_is_short(self, exchange, log: Log):
        await exchange(log.layer(complete, render=as_console), "/api/v2/todos/17/complete", method="POST")
        assert "POST /api/v2/todos/{todo_id}/complete 200" in log[0].decode()


class TestBrokenOff:
    async def test_an_error_before_the_answer_leaves_a_line_without_a_status(self, exchange, log: Log):
        async def fail(scope: Scope, receive: Receive, send: Send) -> None:
            raise ValueError

        with pytest.raises(ValueError):  # noqa: PT011 - any one will do
            await exchange(log.layer(fail))
        assert log.record["status"] is None

    async def test_a_cancelled_request_is_logged_and_stays_cancelled(self, exchange, log: Log):
        async def wait(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await asyncio.Event().wait()

        task = asyncio.create_task(exchange(log.layer(wait)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert log.record["status"] == 200


class TestWhatIsLogged:
    @pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
    async def test_health_only_when_debugging(self, exchange, log: Log, path: str):
        await exchange(log.layer(JSONResponse({})), path)
        assert log == []
        await exchange(log.layer(JSONResponse({}), is_debug=True), path)
        assert log.record["level"] == "debug"

    async def test_while_debugging_other_requests_stay_information(self, exchange, log: Log):
        await exchange(log.layer(complete, is_debug=True), "/api/v2/todos/1/complete")
        assert log.record["level"] == "info"

    async def test_other_protocols_pass(self, passes_through, log: Log):
        assert await passes_through(log.layer)
        assert log == []
