"""Tests of requests that wait: for a place and for their bodies. Whatever happens, each place comes back."""

import asyncio
import random
from collections.abc import Awaitable

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.admission import Admission
from app.concurrency_limit import ConcurrencyLimit
from app.middleware import waiting
from app.middleware.overload import MEASURED_KINDS, Overload
from tests.middleware.house import BODY, GONE, TODOS, House, asking, messages, silent

ask = pytest.fixture(asking)


class TestWaiting:
    async def test_a_place_that_frees_goes_to_whoever_waits(self, ask):
        house = House()
        first, second = ask(house, "/a"), ask(house, "/b")
        await house.until(in_progress=1, waiting=1)
        house.open.set()
        assert [(await task).status for task in (first, second)] == [204, 204]
        await house.until(in_progress=0, waiting=0)
        assert house.inside == ["/a", "/b"]

    async def test_a_client_that_leaves_leaves_the_queue(self, ask, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(waiting, "_UNWATCHED_SECONDS", 0.01)
        house = House()
        ask(house, "/a")
        await house.until(in_progress=1)
        gone = asyncio.Event()

        async def leave() -> Message:
            await gone.wait()
            return GONE

        task = ask(house, "/b", receive=messages(BODY, then=leave))
        await house.until(waiting=1)
        gone.set()
        answer = await task
        assert answer.messages == []
        await house.until(in_progress=1, waiting=0)
        assert house.inside == ["/a"]

    async def test_what_came_while_it_waited_is_not_lost(self, exchange, ask, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(waiting, "_UNWATCHED_SECONDS", 0.0)
        house, heard = House(), list[Message]()
        ask(house, "/a")
        await house.until(in_progress=1)
        first, second = {**BODY, "body": b"1", "more_body": True}, {**BODY, "body": b"2"}
        asked = asyncio.Event()

        async def say_second() -> Message:
            return second

        def say() -> Awaitable[Message]:
            asked.set()
            return said()

        async def hear(scope: Scope, receive: Receive, send: Send) -> None:
            heard.extend([await receive(), await receive()])

        layer = Overload(hear, admission=house.admission)
        said = messages(first, then=say_second)
        task = asyncio.create_task(exchange(layer, TODOS, method="POST", receive=say))
        await asked.wait()
        await house.until(waiting=1)
        house.open.set()
        await task
        assert heard == [first, second]

    async def test_cancelled_while_it_waits_it_leaves_the_queue(self, ask):
        house = House()
        ask(house)
        task = ask(house)
        await house.until(in_progress=1, waiting=1)
        task.cancel()
        await house.until(in_progress=1, waiting=0)

    async def test_cancelled_in_the_moment_when_it_is_let_in_it_gives_the_place_back(self, ask):
        house = House()
        first, second = ask(house, "/a"), ask(house, "/b")
        await house.until(in_progress=1, waiting=1)
        house.admission.leave(house.admission.reads)
        assert house.admission.snapshot().waiting == 0
        second.cancel()
        await asyncio.wait([second])
        assert second.cancelled()
        assert house.admission.in_progress == 0
        assert house.inside == ["/a"]
        house.admission.take_back(house.admission.reads)
        house.open.set()
        await first

    async def test_random_cancellations_lose_no_place(self, exchange):
        dice = random.Random(7)
        admission = Admission(ConcurrencyLimit(most=4, kinds=MEASURED_KINDS), max_waiting=12)

        async def work(scope: Scope, receive: Receive, send: Send) -> None:
            assert admission.in_progress <= 4
            if scope["method"] == "POST":
                await receive()
            await asyncio.sleep(dice.random() / 200)

        layer = Overload(work, admission=admission)
        for _ in range(60):
            tasks = [
                asyncio.create_task(
                    exchange(layer, TODOS, method=dice.choice(["GET", "POST"]), receive=messages(BODY, then=silent))
                )
                for _ in range(20)
            ]
            await asyncio.sleep(dice.random() / 100)
            for task in dice.sample(tasks, 10):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert (admission.in_progress, admission.waiting) == (0, 0)
        assert admission.snapshot().lanes["reads"].refused > 0


class TestBodies:
    async def test_a_slow_body_lends_its_place_to_whoever_waits(self, exchange):
        admission = Admission(ConcurrencyLimit(most=1, kinds=MEASURED_KINDS), max_waiting=10)
        arrived, seen = asyncio.Event(), list[int]()

        async def late() -> Message:
            await arrived.wait()
            return BODY

        async def read(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["method"] == "POST":
                await receive()
            seen.append(admission.in_progress)

        layer = Overload(read, admission=admission)
        slow = asyncio.create_task(exchange(layer, TODOS, method="POST", receive=late))
        await asyncio.sleep(0)
        assert admission.in_progress == 1
        answer = await exchange(layer, TODOS, receive=silent)
        assert answer.messages == []  # It was let in, and not refused when its patience was at an end.
        assert not slow.done()
        arrived.set()
        await slow
        # Each held the one place while it worked.
        assert seen == [1, 1]
        assert admission.in_progress == 0

    async def test_a_sender_that_is_cancelled_while_its_place_is_lent_owes_nothing(self, ask, exchange):
        admission = Admission(ConcurrencyLimit(most=1, kinds=MEASURED_KINDS), max_waiting=10)

        async def read(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["method"] == "POST":
                await receive()

        layer = Overload(read, admission=admission)
        slow = asyncio.create_task(exchange(layer, TODOS, method="POST", receive=silent))
        await asyncio.sleep(0)
        await exchange(layer, TODOS, receive=silent)
        assert admission.in_progress == 0
        slow.cancel()
        await asyncio.wait([slow])
        assert admission.in_progress == 0

    async def test_waiting_for_a_disconnect_is_work(self, ask, exchange):
        admission = Admission(ConcurrencyLimit(most=1, kinds=MEASURED_KINDS), max_waiting=10)

        async def listen(scope: Scope, receive: Receive, send: Send) -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        layer = Overload(listen, admission=admission)
        slow = asyncio.create_task(exchange(layer, TODOS, method="POST", receive=messages(BODY, then=silent)))
        await asyncio.sleep(0)
        assert (await exchange(layer, TODOS, receive=silent)).status == 503
        slow.cancel()
