"""Marks within a window, counted alike in Redis and in one process."""

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import pytest

from app.abuse.scores import Bounds, LocalScores, Mark, Scored, block_key, score, score_key
from app.redis.connecting import Connected
from tests.redis.links import linked, until_connected

WINDOW_MS = 60_000
BOUNDS = Bounds(WINDOW_MS, 5000)

Score = Callable[..., Awaitable[Scored]]


@pytest.fixture(scope="module")
async def connected(redis_url: str) -> AsyncIterator[Connected]:
    async with linked(redis_url) as link:
        yield await until_connected(link)


@pytest.fixture
def client() -> str:
    """Somebody whom nobody has scored."""
    return uuid4().hex


@pytest.fixture(params=["in Redis", "in this process"])
def scoring(request: pytest.FixtureRequest, connected: Connected) -> Score:
    local = LocalScores()

    async def shared(client: str, *marks: Mark, bounds: Bounds = BOUNDS) -> Scored:
        return await score(connected, client, marks, bounds, block_ms=10_000)

    async def alone(client: str, *marks: Mark, bounds: Bounds = BOUNDS) -> Scored:
        return local.score(client, marks, bounds)

    return shared if request.param == "in Redis" else alone


def evidence(points: int, what: str = "", signal: str = "trap") -> Mark:
    return Mark(points, is_evidence=True, signal=signal, what=what or uuid4().hex)


def hint(points: int, what: str = "") -> Mark:
    return Mark(points, is_evidence=False, signal="malformed", what=what or uuid4().hex)


class TestBoth:
    async def test_evidence_adds_up_and_the_threshold_decides(self, scoring: Score, client: str):
        assert await scoring(client, evidence(2000)) == Scored(2000, ())
        assert await scoring(client, evidence(2999)) == Scored(4999, ())
        assert await scoring(client, evidence(1)) == Scored(5000, ("trap",))

    async def test_what_has_decided_is_forgotten_so_that_it_decides_once(self, scoring: Score, client: str):
        assert (await scoring(client, evidence(5000))).is_decided
        assert await scoring(client, evidence(100)) == Scored(100, ())

    async def test_the_signals_are_named_weightiest_first(self, scoring: Score, client: str):
        await scoring(client, evidence(400, signal="id_walk"), evidence(400, signal="id_walk"))
        decided = await scoring(client, evidence(3700), evidence(500, signal="failed_login"))
        assert decided.decided_by == ("trap", "id_walk", "failed_login")

    async def test_the_same_thing_counts_once(self, scoring: Score, client: str):
        for _ in range(3):
            assert await scoring(client, evidence(2500, what="/.env")) == Scored(2500, ())
        assert (await scoring(client, evidence(2500, what="/.git"))).is_decided

    async def test_hints_add_up_to_half_the_threshold_at_most(self, scoring: Score, client: str):
        scored = await scoring(client, *(hint(500) for _ in range(100)))
        assert scored == Scored(2500, ())
        assert (await scoring(client, evidence(2500))).is_decided

    async def test_clients_are_apart(self, scoring: Score, client: str):
        await scoring(client, evidence(4900))
        assert (await scoring(uuid4().hex, evidence(100))).points == 100

    async def test_what_lies_before_the_window_is_forgotten(self, scoring: Score, client: str):
        short = Bounds(50, 5000)
        await scoring(client, evidence(4900), bounds=short)
        points = 5000

        async def once_more() -> bool:
            nonlocal points
            points = (await scoring(client, evidence(10), bounds=short)).points
            return points < 4900

        for _ in range(1000):
            if await once_more():
                break
        assert points < 4900

    async def test_marks_are_bounded(self, scoring: Score, client: str):
        points = [(await scoring(client, *(evidence(1) for _ in range(100)))).points for _ in range(12)]
        assert points[-3:] == [1000, 1000, 1000]


class TestInRedis:
    async def test_a_decision_blocks_at_once(self, connected: Connected, client: str):
        await score(connected, client, [evidence(5000)], BOUNDS, block_ms=10_000)
        key = block_key(client)
        assert 9_000 < await connected.of(key).ask("PTTL", key) <= 10_000

    async def test_a_block_that_is_there_is_not_made_shorter(self, connected: Connected, client: str):
        key = block_key(client)
        await connected.of(key).ask("SET", key, "1", "PX", 100_000)
        await score(connected, client, [evidence(5000)], BOUNDS, block_ms=10_000)
        assert await connected.of(key).ask("PTTL", key) > 50_000

    async def test_without_a_time_nobody_is_blocked(self, connected: Connected, client: str):
        assert (await score(connected, client, [evidence(5000)], BOUNDS, block_ms=0)).is_decided
        key = block_key(client)
        assert await connected.of(key).ask("EXISTS", key) == 0

    async def test_nothing_stays_for_ever(self, connected: Connected, client: str):
        await score(connected, client, [evidence(1)], BOUNDS, block_ms=0)
        key = score_key(client)
        assert 0 < await connected.of(key).ask("PTTL", key) <= WINDOW_MS

    async def test_a_server_that_does_not_know_the_script_learns_it(self, connected: Connected, client: str):
        await connected.of(score_key(client)).ask("SCRIPT", "FLUSH")
        assert (await score(connected, client, [evidence(7)], BOUNDS, block_ms=0)).points == 7

    async def test_two_processes_decide_together_and_once(self, redis_url: str, client: str):
        async with linked(redis_url) as first, linked(redis_url) as second:
            both = [await until_connected(first), await until_connected(second)]
            decided = []
            for number in range(10):
                scored = await score(both[number % 2], client, [evidence(1000)], BOUNDS, block_ms=0)
                decided.append(scored.is_decided)
        assert decided == [False, False, False, False, True] * 2


class TestAlone:
    def test_ten_thousand_clients_and_the_quiet_ones_are_forgotten(self):
        local = LocalScores()
        for number in range(10_001):
            local.score(str(number), [evidence(100)], BOUNDS)
        assert local.score("10000", [evidence(1)], BOUNDS).points == 101
        assert local.score("0", [evidence(1)], BOUNDS).points == 1

    def test_the_window_slides_by_the_clock(self):
        now = 100.0
        local = LocalScores(lambda: now)
        local.score("a", [evidence(1000)], BOUNDS)
        now += 59
        assert local.score("a", [evidence(1000)], BOUNDS).points == 2000
        now += 2
        assert local.score("a", [evidence(1000)], BOUNDS).points == 2000


async def test_the_clock_is_the_servers(connected: Connected, client: str):
    """Two machines with different clocks count within the same window."""
    await score(connected, client, [evidence(1)], BOUNDS, block_ms=0)
    key = score_key(client)
    [[_, at]] = [await connected.of(key).ask("ZRANGE", key, 0, -1, "WITHSCORES")]
    seconds, _micros = await connected.of(key).ask("TIME")
    assert abs(float(at) / 1000 - float(seconds)) < 5
