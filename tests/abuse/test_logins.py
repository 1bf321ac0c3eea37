"""Tries at passwords: for a pair of account and client, for an account, in Redis and in one process."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import pytest

from app.abuse import logins
from app.abuse.logins import (
    ATTACKED_TRIES,
    PAIR_TRIES,
    PAIR_TRIES_UNDER_ATTACK,
    LocalTries,
    Try,
    Verdict,
    account_key,
)
from app.redis.connecting import Connected
from tests.redis.links import linked, until_connected

WINDOW_MS = 60_000
KEY = b"k" * 32


class Tries:
    """Both ways of counting, behind one face."""

    def __init__(self, begin: Callable[[Try, int], Awaitable[Verdict]], forget: Callable[..., None]) -> None:
        self._begin = begin
        self.forget = forget

    async def begin(self, account: str, client: str, window_ms: int = WINDOW_MS) -> tuple[Try, Verdict]:
        one = Try(account, client, uuid4().hex)
        return one, await self._begin(one, window_ms)

    async def waits(self, account: str, client: str) -> bool:
        return (await self.begin(account, client))[1].wait_seconds > 0


@pytest.fixture(scope="module")
async def connected(redis_url: str) -> AsyncIterator[Connected]:
    async with linked(redis_url) as link:
        yield await until_connected(link)


@pytest.fixture(params=["in Redis", "in this process"])
def tries(request: pytest.FixtureRequest, connected: Connected) -> Tries:
    local = LocalTries()

    async def shared(one: Try, window_ms: int) -> Verdict:
        return await logins.begin(connected, one, window_ms)

    async def alone(one: Try, window_ms: int) -> Verdict:
        return local.begin(one, window_ms)

    def forget(one: Try, *, is_proven: bool) -> None:
        logins.forget(connected, one, is_proven=is_proven)

    return Tries(shared, forget) if request.param == "in Redis" else Tries(alone, local.forget)


@pytest.fixture
def account() -> str:
    return uuid4().hex


class TestPair:
    async def test_it_has_five_tries_and_then_it_waits(self, tries: Tries, account: str):
        waits = [await tries.waits(account, "a") for _ in range(PAIR_TRIES + 2)]
        assert waits == [False] * PAIR_TRIES + [True, True]

    async def test_it_is_told_for_how_long(self, tries: Tries, account: str):
        for _ in range(PAIR_TRIES):
            await tries.begin(account, "a")
        assert 58 <= (await tries.begin(account, "a"))[1].wait_seconds <= 60

    async def test_tries_that_are_refused_do_not_make_the_wait_longer(self, tries: Tries, account: str):
        for _ in range(PAIR_TRIES + 20):
            await tries.begin(account, "a")
        assert (await tries.begin(account, "a"))[1].wait_seconds <= 60

    async def test_other_clients_and_other_accounts_do_not_wait(self, tries: Tries, account: str):
        for _ in range(PAIR_TRIES + 1):
            await tries.begin(account, "a")
        assert not await tries.waits(account, "b")
        assert not await tries.waits(uuid4().hex, "a")

    async def test_whoever_proves_who_they_are_begins_anew(self, tries: Tries, account: str):
        for _ in range(PAIR_TRIES - 1):
            await tries.begin(account, "a")
        one, _ = await tries.begin(account, "a")
        tries.forget(one, is_proven=True)
        assert not await tries.waits(account, "a")

    async def test_a_try_that_came_to_nothing_is_taken_back_and_no_other(self, tries: Tries, account: str):
        for _ in range(PAIR_TRIES - 1):
            await tries.begin(account, "a")
        one, _ = await tries.begin(account, "a")
        tries.forget(one, is_proven=False)
        assert not await tries.waits(account, "a")
        assert await tries.waits(account, "a")


class TestAccount:
    async def attack(self, tries: Tries, account: str) -> None:
        for number in range(ATTACKED_TRIES):
            await tries.begin(account, f"attacker {number}")

    async def test_under_attack_each_client_has_two_tries_and_nobody_none(self, tries: Tries, account: str):
        await self.attack(tries, account)
        waits = [await tries.waits(account, "owner") for _ in range(PAIR_TRIES_UNDER_ATTACK + 1)]
        assert waits == [False] * PAIR_TRIES_UNDER_ATTACK + [True]

    async def test_the_attack_is_told(self, tries: Tries, account: str):
        assert not (await tries.begin(account, "a"))[1].is_attacked
        await self.attack(tries, account)
        assert (await tries.begin(account, "a"))[1].is_attacked

    async def test_logins_that_succeed_are_no_attack(self, tries: Tries, account: str):
        for number in range(ATTACKED_TRIES * 2):
            one, verdict = await tries.begin(account, f"device {number}")
            tries.forget(one, is_proven=True)
            assert not verdict.is_attacked


class TestAtOnce:
    async def test_a_hundred_tries_in_one_turn_are_five(self, connected: Connected, account: str):
        tries = (logins.begin(connected, Try(account, "a", uuid4().hex), WINDOW_MS) for _ in range(100))
        verdicts = await asyncio.gather(*tries)
        assert sum(verdict.wait_seconds == 0 for verdict in verdicts) == PAIR_TRIES


class TestAlone:
    def test_the_wait_ends_with_the_window(self):
        now = 100.0
        local = LocalTries(lambda: now)
        for _ in range(PAIR_TRIES):
            local.begin(Try("x", "a", uuid4().hex), WINDOW_MS)
            now += 1
        assert local.begin(Try("x", "a", "n"), WINDOW_MS).wait_seconds == 55
        now += 55.5
        assert local.begin(Try("x", "a", "n"), WINDOW_MS).wait_seconds == 0

    def test_memory_is_bounded(self):
        local = LocalTries()
        for number in range(20_000):
            local.begin(Try(str(number), "a", "n"), WINDOW_MS)
        assert len(local._tries) <= 10_000


class TestAccountKey:
    def test_one_account_has_one_key_however_it_is_typed(self):
        assert account_key(KEY, "Ann@Example.com") == account_key(KEY, "ann@example.COM")
        assert account_key(KEY, "ann@example.com") != account_key(KEY, "bob@example.com")

    def test_nobody_guesses_it_without_the_key(self):
        assert account_key(KEY, "ann@example.com") != account_key(b"o" * 32, "ann@example.com")

    def test_any_text_has_one(self):
        assert len(account_key(KEY, "\ud800 no address")) == 32
