"""Questions that are answered together."""

import asyncio
from collections.abc import Mapping
from contextvars import ContextVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.database.batching import Batcher

SPEAKER: ContextVar[str] = ContextVar("SPEAKER", default="nobody")


class Doubler:
    """Doubles even numbers; knows nothing of odd ones, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.failure: BaseException | None = None

    async def load(self, keys: list[int]) -> Mapping[int, int]:
        self.asked.append(keys)
        await self.go_on.wait()
        if self.failure is not None:
            raise self.failure
        return {key: key * 2 for key in keys if key % 2 == 0}


@pytest.fixture
def doubler() -> Doubler:
    return Doubler()


class TestGet:
    async def test_one_turn_of_the_loop_is_one_question(self, doubler: Doubler) -> None:
        batcher = Batcher(doubler.load)
        assert await together(batcher, 2, 4, 6) == [4, 8, 12]
        assert doubler.asked == [[2, 4, 6]]

    async def test_a_later_turn_asks_again(self, doubler: Doubler) -> None:
        batcher = Batcher(doubler.load)
        assert [await batcher.get(2), await batcher.get(2)] == [4, 4]
        assert doubler.asked == [[2], [2]]

    async def test_a_key_is_asked_once_for_all_who_want_it(self, doubler: Doubler) -> None:
        batcher = Batcher(doubler.load)
        assert await together(batcher, 2, 2, 4) == [4, 4, 8]
        assert doubler.asked == [[2, 4]]

    async def test_what_does_not_exist_is_none(self, doubler: Doubler) -> None:
        assert await Batcher(doubler.load).get(3) is None

    async def test_many_keys_are_cut_into_batches(self, doubler: Doubler) -> None:
        batcher = Batcher(doubler.load, max_size=2)
        await together(batcher, *range(5))
        assert doubler.asked == [[0, 1], [2, 3], [4]]

    async def test_a_slow_batch_does_not_hold_up_the_next(self, doubler: Doubler) -> None:
        batcher = Batcher(doubler.load)
        doubler.go_on.clear()
        slow = asyncio.create_task(batcher.get(2))
        await until(lambda: doubler.asked == [[2]])
        later = asyncio.create_task(batcher.get(4))
        await until(lambda: doubler.asked == [[2], [4]])
        doubler.go_on.set()
        assert [await slow, await later] == [4, 8]

    async def test_while_as_many_run_as_may_the_next_batch_gathers(self, doubler: Doubler) -> None:
        batcher = Batcher(doubler.load, max_running=1, max_size=2)
        doubler.go_on.clear()
        answers = [asyncio.create_task(batcher.get(2))]
        await until(lambda: doubler.asked == [[2]])
        for key in (4, 6, 8):
            answers.append(asyncio.create_task(batcher.get(key)))
            await take(3)
        assert doubler.asked == [[2]]
        doubler.go_on.set()
        assert await asyncio.wait_for(asyncio.gather(*answers), 5) == [4, 8, 12, 16]
        assert doubler.asked == [[2], [4, 6], [8]]

    async def test_one_that_takes_too_long_holds_nobody_up(self, doubler: Doubler) -> None:
        batcher = Batcher(doubler.load, max_running=1)
        doubler.go_on.clear()
        slow = asyncio.create_task(batcher.get(2))
        await until(lambda: doubler.asked == [[2]])
        later = asyncio.create_task(batcher.get(4))
        await until(lambda: doubler.asked == [[2], [4]])
        doubler.go_on.set()
        assert [await slow, await later] == [4, 8]

    async def test_a_failed_batch_makes_room_for_the_next(self, doubler: Doubler) -> None:
        batcher = Batcher(doubler.load, max_running=1)
        doubler.failure = LookupError("no answer")
        for _ in range(3):
            with pytest.raises(LookupError):
                await asyncio.wait_for(batcher.get(2), 5)

    async def test_a_cancelled_waiter_takes_nobody_with_it(self, doubler: Doubler) -> None:
        batcher = Batcher(doubler.load)
        doubler.go_on.clear()
        first, second = asyncio.create_task(batcher.get(2)), asyncio.create_task(batcher.get(2))
        await until(lambda: doubler.asked == [[2]])
        first.cancel()
        doubler.go_on.set()
        assert await asyncio.wait_for(second, 5) == 4
        with pytest.raises(asyncio.CancelledError):
            await first

    async def test_an_error_reaches_every_waiter(self, doubler: Doubler) -> None:
        batcher = Batcher(doubler.load)
        doubler.failure = LookupError("no answer")
        async with asyncio.timeout(5):
            answers = await asyncio.gather(*(batcher.get(key) for key in (2, 2, 3)), return_exceptions=True)
        assert [str(answer) for answer in answers] == ["no answer"] * 3

    async def test_after_an_error_the_next_question_is_answered(self, doubler: Doubler) -> None:
        batcher = Batcher(doubler.load)
        doubler.failure = LookupError("no answer")
        with pytest.raises(LookupError):
            await batcher.get(2)
        doubler.failure = None
        assert await batcher.get(2) == 4

    async def test_a_batch_that_is_cut_off_leaves_nobody_waiting(self, doubler: Doubler) -> None:
        batcher = Batcher(doubler.load)
        doubler.failure = asyncio.CancelledError()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(batcher.get(2), 5)

    async def test_a_batch_runs_in_the_context_of_nobody(self) -> None:
        async def who(keys: list[int]) -> Mapping[int, str]:
            return dict.fromkeys(keys, SPEAKER.get())

        SPEAKER.set("Ann")
        assert await Batcher(who).get(1) == "nobody"


class TestInterleavings:
    @settings(deadline=None, max_examples=100)
    @given(
        plan=st.lists(
            st.tuples(st.integers(0, 7), st.integers(0, 3), st.one_of(st.none(), st.integers(0, 3))), max_size=30
        ),
        max_size=st.integers(1, 4),
        max_running=st.sampled_from([None, 1, 2]),
        turns=st.integers(0, 3),
    )
    def test_everybody_gets_their_own_answer_or_their_own_cancellation(
        self, plan: list[tuple[int, int, int | None]], max_size: int, max_running: int | None, turns: int
    ) -> None:
        """Waiters start some turns of the loop later, some are cancelled after some more, and answers take time."""

        async def load(keys: list[int]) -> Mapping[int, int]:
            assert len(set(keys)) == len(keys) <= max_size
            await take(turns)
            return {key: key * 10 for key in keys if key != 7}

        async def play() -> None:
            batcher = Batcher(load, max_size=max_size, max_running=max_running)

            async def ask(key: int, start: int) -> int | None:
                await take(start)
                return await batcher.get(key)

            async def stop(task: "asyncio.Task[int | None]", after: int | None) -> None:
                if after is not None:
                    await take(after)
                    task.cancel()

            tasks = [asyncio.create_task(ask(key, start)) for key, start, _ in plan]
            await asyncio.gather(*(stop(task, after) for task, (_, _, after) in zip(tasks, plan, strict=True)))
            async with asyncio.timeout(5):
                answers = await asyncio.gather(*tasks, return_exceptions=True)
            for answer, (key, _, after) in zip(answers, plan, strict=True):
                right = None if key == 7 else key * 10
                assert answer == right or (after is not None and isinstance(answer, asyncio.CancelledError))

        asyncio.run(play())


async def together(batcher: Batcher[int, int], *keys: int) -> list[int | None]:
    async with asyncio.timeout(5):
        return await asyncio.gather(*(batcher.get(key) for key in keys))


async def take(turns: int) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


async def until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)
