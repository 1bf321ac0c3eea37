"""Tests of the load generator against a server of a few lines. Nothing here asserts a timing."""

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from bench.load import Load, Result, run

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
GONE = b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n"
FIRST = b"GET /first HTTP/1.1\r\n\r\n"
SECOND = b"GET /second HTTP/1.1\r\n\r\n"


class Answering:
    """A server that answers each request with what `answer` returns, None meaning that it hangs up."""

    def __init__(self, answer: Callable[[bytes], bytes | None]) -> None:
        self.answer = answer
        self.heard: list[bytes] = []
        self.conversations: list[asyncio.Task[object]] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            self.conversations.append(task)
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                self.heard.append(request)
                if (answer := self.answer(request)) is None:
                    break
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


class Window:
    """Counts how often it was entered and left."""

    def __init__(self) -> None:
        self.entered = self.left = 0

    def __enter__(self) -> None:
        self.entered += 1

    def __exit__(self, *_: object) -> None:
        self.left += 1


def applied(server: Answering, make_load: Callable[[int], Load], window: Window | None = None) -> Result:
    async def scenario() -> Result:
        listener = await asyncio.start_server(server, "127.0.0.1", 0)
        async with listener:
            result = await run(make_load(listener.sockets[0].getsockname()[1]), window)
            await asyncio.gather(*server.conversations)
            return result

    coroutine: Coroutine[object, object, Result] = scenario()
    return asyncio.run(coroutine)


class TestRun:
    def test_a_count_of_answers_ends_the_window(self) -> None:
        result = applied(
            Answering(lambda _: OK),
            lambda port: Load(port=port, requests=[FIRST], connections=4, seconds=30, count=100),
        )
        assert result.requests == 100
        assert result.faults == []
        assert 0 < result.p50_ms <= result.p99_ms
        assert result.requests_per_second == pytest.approx(100 / result.seconds)

    def test_a_time_ends_the_window_and_every_request_is_answered(self) -> None:
        server, window = Answering(lambda _: OK), Window()
        result = applied(
            server,
            lambda port: Load(port=port, requests=[FIRST], connections=2, seconds=0.05, warmup_seconds=0.02),
            window,
        )
        assert result.faults == []
        assert sum(result.statuses.values()) == len(server.heard)
        assert 0 < result.requests < len(server.heard), "the warm-up and what closes the window are not measured"
        assert (window.entered, window.left) == (1, 1)

    def test_requests_are_sent_in_turn(self) -> None:
        server = Answering(lambda _: OK)
        applied(server, lambda port: Load(port=port, requests=[FIRST, SECOND], connections=1, seconds=30, count=4))
        assert server.heard[:4] == [FIRST, SECOND, FIRST, SECOND]

    def test_a_pause_holds_the_next_request_back(self) -> None:
        server = Answering(lambda _: OK)
        applied(
            server,
            lambda port: Load(port=port, requests=[FIRST], connections=1, seconds=0.05, interval_seconds=10),
        )
        assert len(server.heard) == 1

    def test_a_refusal_is_a_fault_though_it_was_in_the_warm_up(self) -> None:
        answers = iter([GONE])
        result = applied(
            Answering(lambda _: next(answers, OK)),
            lambda port: Load(port=port, requests=[FIRST], connections=1, seconds=0.05, warmup_seconds=0.05),
        )
        assert result.faults == ["1 x status 410"]

    def test_a_lost_connection_is_a_fault(self) -> None:
        result = applied(
            Answering(lambda _: None),
            lambda port: Load(port=port, requests=[FIRST], connections=3, seconds=0.05),
        )
        assert result.faults == ["3 x connection lost (closed by the server)"]

    def test_an_unreadable_answer_is_a_fault(self) -> None:
        result = applied(
            Answering(lambda _: b"HTTP/1.1 200 OK\r\n\r\n"),
            lambda port: Load(port=port, requests=[FIRST], connections=1, seconds=0.05),
        )
        assert result.faults == ["1 x the response has no Content-Length"]

    def test_a_count_that_is_not_reached_is_a_fault(self) -> None:
        result = applied(
            Answering(lambda _: OK),
            lambda port: Load(port=port, requests=[FIRST], connections=1, seconds=0.05, count=2, interval_seconds=10),
        )
        assert result.faults == ["1 x requests short of the count"]
