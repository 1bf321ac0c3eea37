"""One connection for all: order, one write a turn, and nobody who waits for ever."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import hiredis
import pytest

from app.redis import pipeline as pipeline_module
from app.redis.pipeline import Pipeline, RedisUnavailable
from tests.redis.links import opened
from tests.redis_proxy import RedisProxy
from tests.valkey_servers import Valkey, until


@pytest.fixture
async def pipeline(shared: Valkey) -> AsyncIterator[Pipeline]:
    """A patient connection: a busy machine must not look like a late answer."""
    connection = await opened(shared.url)
    yield connection
    connection.close()


@asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[str]:
    """The address of something that is not Redis: each read is answered with the next of these; then it hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.read(65536)
            writer.write(answer)
        await reader.read(65536)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


class Written:
    """Stands in front of a transport and remembers what is written."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._transport: Any = pipeline._transport
        self.writes: list[bytes] = []
        pipeline._transport = self  # type: ignore[assignment]  # it has the two methods that are used

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        self._transport.write(data)

    def abort(self) -> None:
        self._transport.abort()


class TestAsk:
    async def test_answers_come_in_the_order_of_the_questions(self, pipeline: Pipeline) -> None:
        texts = [str(number).encode() for number in range(500)]
        assert await asyncio.gather(*(pipeline.ask("ECHO", text) for text in texts)) == texts

    async def test_what_is_asked_in_one_turn_leaves_in_one_write(self, pipeline: Pipeline) -> None:
        written = Written(pipeline)

        async def request(number: int) -> Any:
            return await pipeline.ask("ECHO", number)

        await asyncio.gather(*(request(number) for number in range(50)))
        assert len(written.writes) == 1
        await request(50)
        await request(51)
        assert len(written.writes) == 3

    async def test_an_answer_may_be_larger_than_any_packet(self, pipeline: Pipeline) -> None:
        value = bytes(range(256)) * 20_000
        small, large, after = await asyncio.gather(
            pipeline.ask("SET", "large", value), pipeline.ask("GET", "large"), pipeline.ask("ECHO", "after")
        )
        assert (small, large, after) == (b"OK", value, b"after")

    async def test_every_kind_of_argument_arrives(self, pipeline: Pipeline) -> None:
        sent = ("ä", b"\x00\xff", 7, 0.5, memoryview(b"view"))
        assert await asyncio.gather(*(pipeline.ask("ECHO", each) for each in sent)) == [
            "ä".encode(), b"\x00\xff", b"7", b"0.5", b"view",
        ]  # fmt: skip

    async def test_an_error_reaches_only_who_asked_for_it(self, pipeline: Pipeline) -> None:
        before, wrong, after = (
            pipeline.ask("SET", "text", "x"),
            pipeline.ask("INCR", "text"),
            pipeline.ask("ECHO", "fine"),
        )
        with pytest.raises(hiredis.ReplyError, match="not an integer"):
            await wrong
        assert (await before, await after) == (b"OK", b"fine")
        assert not pipeline.is_lost

    async def test_what_is_told_takes_nobodys_answer(self, pipeline: Pipeline) -> None:
        pipeline.tell("SET", "told", "1")
        answer = pipeline.ask("GET", "told")
        pipeline.tell("INCR", "told")
        pipeline.tell("LPUSH", "told", "an error that nobody hears")
        assert await answer == b"1"
        assert await pipeline.ask("GET", "told") == b"2"

    async def test_what_is_added_before_the_write_leaves_with_it(self, pipeline: Pipeline) -> None:
        written, added = Written(pipeline), []
        pipeline.before_write.append(lambda: added.append(pipeline.ask("ECHO", "added")))
        assert await pipeline.ask("ECHO", "asked") == b"asked"
        assert [await each for each in added] == [b"added"]
        assert len(written.writes) == 1

    async def test_a_cancelled_question_keeps_the_others_in_step(self, pipeline: Pipeline) -> None:
        first, second, third = (pipeline.ask("ECHO", number) for number in range(3))
        second.cancel()
        assert (await first, await third) == (b"0", b"2")


class TestLate:
    async def test_a_late_answer_refuses_all_who_wait_at_once(self, valkey: Valkey) -> None:
        lost: list[Pipeline] = []
        pipeline = await opened(valkey.url, seconds=0.1, on_lost=lost.append)
        valkey.process.freeze()
        early = pipeline.ask("PING")
        await asyncio.sleep(0.06)
        late = [pipeline.ask("PING") for _ in range(10)]
        await until(early.done)
        assert all(isinstance(each.exception(), RedisUnavailable) for each in [early, *late])
        assert lost == [pipeline]
        assert pipeline.is_lost

    async def test_what_is_asked_after_the_loss_is_refused_at_once(self, valkey: Valkey) -> None:
        pipeline = await opened(valkey.url, seconds=0.1)
        valkey.kill()
        await until(lambda: pipeline.is_lost)
        refused = pipeline.ask("PING")
        assert refused.done()
        assert isinstance(refused.exception(), RedisUnavailable)
        pipeline.tell("PING")
        assert pipeline._unsent == []

    async def test_who_was_about_to_ask_when_it_was_lost_is_refused_and_does_not_wait(self, shared: Valkey) -> None:
        pipeline = await opened(shared.url)
        asked: list[asyncio.Future[Any]] = []
        pipeline.before_write.append(lambda: asked.append(pipeline.ask("PING")))
        pipeline.wake()
        pipeline.close()
        await until(lambda: bool(asked))
        with pytest.raises(RedisUnavailable):
            await asked[0]

    @pytest.mark.parametrize("turns_before", [0, 1, 2])
    async def test_an_answer_that_our_own_standstill_kept_waiting_is_not_late(
        self, shared: Valkey, turns_before: int
    ) -> None:
        pipeline = await opened(shared.url, seconds=0.1)
        asked = pipeline.ask("ECHO", "in time")
        for _ in range(turns_before):
            await asyncio.sleep(0)
        time.sleep(0.3)  # noqa: ASYNC251 - standing still is what is tested
        assert await asked == b"in time"
        # Its time is over now; another one must not pay for it.
        await asyncio.sleep(0.02)
        assert not pipeline.is_lost
        pipeline.close()

    async def test_nor_is_one_that_takes_several_reads_to_take_in(
        self, shared: Valkey, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The time is over when the first part is read; the others are in the socket."""
        monkeypatch.setattr(pipeline_module, "LATE_LOOK_SECONDS", 0.5)
        shared.ask("SET", "in parts", b"x" * 1_000_000)
        pipeline = await opened(shared.url, seconds=0.1)
        asked = pipeline.ask("GET", "in parts")
        await asyncio.sleep(0)
        time.sleep(0.3)  # noqa: ASYNC251 - as above
        assert len(await asked) == 1_000_000
        pipeline.close()

    async def test_a_standstill_hides_no_loss(self, valkey: Valkey) -> None:
        pipeline = await opened(valkey.url, seconds=0.1)
        valkey.process.freeze()
        asked = pipeline.ask("PING")
        await asyncio.sleep(0)
        time.sleep(0.3)  # noqa: ASYNC251 - as above
        with pytest.raises(RedisUnavailable):
            await asked

    async def test_steady_use_for_longer_than_the_limit_is_not_late(self, proxy: RedisProxy) -> None:
        """Each answer takes half of the time limit, and there is always one outstanding."""
        pipeline = await opened(proxy.url, seconds=0.4)
        proxy.to_client_seconds = 0.2
        for _ in range(4):
            asked = [pipeline.ask("PING")]
            await asyncio.sleep(0.1)
            asked.append(pipeline.ask("PING"))
            assert await asyncio.gather(*asked) == [b"PONG", b"PONG"]
        pipeline.close()

    async def test_nothing_is_reported_for_who_no_longer_waits(self, valkey: Valkey) -> None:
        reports: list[dict[str, Any]] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: reports.append(context))
        try:
            pipeline = await opened(valkey.url, seconds=0.1)
            valkey.process.freeze()
            pipeline.ask("PING")
            await until(lambda: pipeline.is_lost)
            pipeline.ask("PING")
            gc.collect()
        finally:
            loop.set_exception_handler(None)
        assert reports == []


class TestBroken:
    @pytest.mark.parametrize(
        "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"+PONG\r\n+PONG\r\n", b"*-5\r\n", b"\xff"]
    )
    async def test_what_is_not_the_protocol_ends_the_connection(self, answer: bytes) -> None:
        async with answering(answer) as url:
            pipeline = await opened(url)
            first = pipeline.ask("PING")
            await asyncio.wait((first,))
            await until(lambda: pipeline.is_lost)

    async def test_a_hang_up_refuses_who_waits(self) -> None:
        async with answering() as url:
            pipeline = await opened(url, seconds=30)
            with pytest.raises(RedisUnavailable):
                await pipeline.ask("PING")

    async def test_closing_refuses_who_waits_and_is_told_once(self, shared: Valkey) -> None:
        lost: list[Pipeline] = []
        pipeline = await opened(shared.url, on_lost=lost.append)
        asked = pipeline.ask("BLPOP", "never", 0)
        pipeline.close()
        pipeline.close()
        with pytest.raises(RedisUnavailable):
            await asked
        await asyncio.sleep(0)
        assert lost == [pipeline]
