"""Tests of the limits of one request: bytes, seconds, and whose cancellation it is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.middleware.request_limits import BodyTooLarge, RequestLimits, ResponseTooSlow

LIMIT = 1_000
MOMENT = 0.02


def bounded(app: object, *, seconds: float = 600) -> RequestLimits:
    return RequestLimits(app, body_limit_bytes=LIMIT, timeout_seconds=seconds)  # type: ignore[arg-type]  # an application


def pieces(*bodies: bytes) -> Callable[[], Awaitable[Message]]:
    """Receives `bodies` one by one, and after them nothing, ever."""
    left = list(bodies)

    async def receive() -> Message:
        if not left:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    return receive


def never_ending(*bodies: bytes) -> Callable[[], Awaitable[Message]]:
    """Receives `bodies`, and then waits for more that never comes."""
    inner = pieces(*bodies)

    async def receive() -> Message:
        return {**await inner(), "more_body": True}

    return receive


async def count(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the body and answers with its length."""
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


async def hang(scope: Scope, receive: Receive, send: Send) -> None:
    """Never answers."""
    await asyncio.Event().wait()


class TestBodySize:
    @pytest.mark.parametrize("length", [b"1001", b"9" * 18, b"9" * 5_000])
    async def test_a_declared_length_over_the_limit_is_refused_unread(self, exchange, length: bytes):
        answer = await exchange(bounded(count), method="POST", headers=[(b"content-length", length)])
        assert answer.status == 413
        assert answer.headers["connection"] == "close"
        assert answer.headers["content-type"] == "application/problem+json"
        assert b"1000 bytes" in answer.body

    async def test_below_version_1_the_refusal_has_the_older_envelope(self, exchange):
        headers = [(b"content-length", b"1001")]
        answer = await exchange(bounded(count), "/api/v1/todos", method="POST", headers=headers)
        assert answer.body.startswith(b'{"error":')

    async def test_the_limit_itself_is_allowed(self, browse):
        async with browse(bounded(count)) as client:
            assert (await client.post("/", content=b"x" * LIMIT)).text == "1000"

    @pytest.mark.parametrize("length", [b"", b"-1", b"1e9", b"\xff", b"12,13", b"\xb2"])
    async def test_an_odd_length_is_no_error_and_the_bytes_are_counted(self, exchange, length: bytes):
        headers = [(b"content-length", length)]
        answer = await exchange(bounded(count), headers=headers, receive=pieces(b"abc"))
        assert answer.body == b"3"
        answer = await exchange(bounded(count), headers=headers, receive=pieces(b"x" * (LIMIT + 1)))
        assert answer.status == 413

    async def test_a_chunked_body_is_refused_at_the_piece_that_is_too_much(self, exchange):
        received = []

        async def receive() -> Message:
            received.append(1)
            return {"type": "http.request", "body": b"x" * 400, "more_body": True}

        answer = await exchange(bounded(count), method="POST", receive=receive)
        assert answer.status == 413
        assert answer.headers["connection"] == "close"
        assert len(received) == 3

    async def test_chunks_up_to_the_limit_are_allowed(self, exchange):
        answer = await exchange(bounded(count), receive=pieces(b"x" * 400, b"x" * 600, b""))
        assert answer.body == b"1000"

    async def test_what_a_route_makes_of_the_failed_reading_is_not_sent(self, exchange):
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await count(scope, receive, send)
            except Exception:  # noqa: BLE001 - as frameworks do when they parse a body
                await PlainTextResponse("cannot parse", 400)(scope, receive, send)

        answer = await exchange(bounded(app), receive=pieces(b"x" * 2_000))
        assert answer.status == 413
        assert b"cannot parse" not in answer.body

    async def test_once_the_answer_has_begun_the_reader_fails_and_no_second_answer_is_sent(self, exchange):
        started = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            started.append(1)
            await receive()

        with pytest.raises(BodyTooLarge):
            await exchange(bounded(app), receive=pieces(b"x" * 2_000))
        assert started == [1]

    @pytest.mark.parametrize("announced", [(b"transfer-encoding", b"chunked"), (b"content-length", b"1")])
    async def test_in_http_1_what_the_head_announces_is_counted(self, exchange, announced: tuple[bytes, bytes]):
        receive = pieces(b"x" * (LIMIT + 1))
        answer = await exchange(bounded(count), headers=[announced], http_version="1.1", receive=receive)
        assert answer.status == 413

    async def test_a_disconnect_is_passed_on(self, exchange):
        async def gone() -> Message:
            return {"type": "http.disconnect"}

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await PlainTextResponse((await receive())["type"])(scope, receive, send)

        assert (await exchange(bounded(app), receive=gone)).body == b"http.disconnect"


class Transaction:
    """What a unit of work sees of the handler inside it."""

    outcome: str | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        try:
            yield
        except BaseException as error:
            await asyncio.sleep(0)  # ROLLBACK is a round trip: it must still be possible
            self.outcome = f"rolled back by {type(error).__name__}"
            raise
        self.outcome = "committed"


class TestTime:
    async def test_an_answer_that_is_not_ready_in_time_is_504_and_the_work_is_undone(self, exchange):
        transaction = Transaction()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            async with transaction.open():
                await hang(scope, receive, send)

        answer = await exchange(bounded(app, seconds=MOMENT))
        assert answer.status == 504
        assert b"REQUEST_TIMEOUT" in answer.body
        assert transaction.outcome == "rolled back by CancelledError"

    async def test_a_body_that_does_not_arrive_in_time_is_408_and_closes(self, exchange):
        answer = await exchange(bounded(count, seconds=MOMENT), receive=never_ending(b"a", b"b"))
        assert answer.status == 408
        assert answer.headers["connection"] == "close"

    async def test_a_request_of_http_1_without_a_body_has_no_more_time(self, exchange):
        assert (await exchange(bounded(hang, seconds=MOMENT), http_version="1.1")).status == 504

    async def test_slow_work_in_the_middle_of_the_body_is_504(self, exchange):
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await hang(scope, receive, send)

        answer = await exchange(bounded(app, seconds=MOMENT), receive=never_ending(b"a"))
        assert answer.status == 504

    async def test_slow_work_after_the_whole_body_is_504(self, exchange):
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await receive()  # for the disconnect that never comes

        answer = await exchange(bounded(app, seconds=MOMENT), receive=pieces(b"all of it"))
        assert answer.status == 504

    async def test_in_the_middle_of_an_answer_it_breaks_off(self, exchange):
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await asyncio.Event().wait()

        with pytest.raises(ResponseTooSlow):
            await exchange(bounded(app, seconds=MOMENT))
        assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]  # a test runs in a task

    async def test_a_time_out_of_the_handler_itself_is_not_ours(self, exchange):
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            raise TimeoutError("of a query")

        with pytest.raises(TimeoutError, match="of a query"):
            await exchange(bounded(app))

    async def test_an_error_while_undoing_does_not_change_the_answer_and_is_logged(self, exchange):
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await hang(scope, receive, send)
            finally:
                raise ValueError("the rollback failed")

        with structlog.testing.capture_logs() as logs:
            answer = await exchange(bounded(app, seconds=MOMENT))
        assert answer.status == 504
        assert [log["event"] for log in logs] == ["error_beyond_limit"]

    async def test_an_answer_given_at_the_last_moment_is_sent(self, exchange):
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await hang(scope, receive, send)
            except asyncio.CancelledError:
                await PlainTextResponse("just so")(scope, receive, send)

        answer = await exchange(bounded(app, seconds=MOMENT))
        assert answer.body == b"just so"
        assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]  # a test runs in a task

    async def test_each_request_has_the_whole_time(self, exchange):
        loop = asyncio.get_running_loop()
        app = bounded(hang, seconds=0.1)

        async def seconds_until_504(delay: float) -> float:
            await asyncio.sleep(delay)
            started = loop.time()
            assert (await exchange(app)).status == 504
            return loop.time() - started

        durations = await asyncio.gather(*(seconds_until_504(delay) for delay in (0, 0.03, 0.06)))
        assert all(duration >= 0.1 for duration in durations)

    async def test_after_a_pause_the_time_still_counts(self, exchange):
        app = bounded(hang, seconds=MOMENT)
        assert [(await exchange(app)).status for _ in range(3)] == [504, 504, 504]

    def test_on_another_event_loop_the_time_still_counts(self, exchange):
        answers: list[ASGIApp] = [PlainTextResponse("at once"), hang]

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await answers.pop(0)(scope, receive, send)

        layer = bounded(app, seconds=MOMENT)
        assert asyncio.run(exchange(layer)).status == 200
        assert asyncio.run(asyncio.wait_for(exchange(layer), 10)).status == 504

    async def test_a_request_that_is_over_leaves_nothing_behind(self, exchange):
        app = bounded(PlainTextResponse("at once"))
        await exchange(app)
        assert not app._deadlines._due


class TestCancellationFromOutside:
    async def test_it_passes(self, exchange):
        task = asyncio.create_task(exchange(bounded(hang)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    async def test_it_passes_even_when_the_time_is_up_as_well(self, exchange):
        tasks: list[asyncio.Task[object]] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await hang(scope, receive, send)
            finally:
                tasks[0].cancel()  # a shutdown, while the work is being undone
                await asyncio.sleep(0)

        tasks.append(asyncio.create_task(exchange(bounded(app, seconds=MOMENT))))
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]

    async def test_other_protocols_pass(self, passes_through):
        assert await passes_through(bounded)
