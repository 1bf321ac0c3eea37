"""Hashing and verifying passwords."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type

from app.domain.identity.passwords import Passwords

PASSWORD = "correct horse battery staple"


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords(threads=2)
    yield made
    made.close()


class TestHash:
    async def test_it_is_argon2id_with_the_owasp_profile(self, passwords: Passwords) -> None:
        parameters = extract_parameters(await passwords.hash(PASSWORD))
        assert parameters.type is Type.ID
        assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19456, 2, 1)

    async def test_two_hashes_of_one_password_differ(self, passwords: Passwords) -> None:
        assert await passwords.hash(PASSWORD) != await passwords.hash(PASSWORD)


class TestVerify:
    async def test_the_right_password_matches_and_others_do_not(self, passwords: Passwords) -> None:
        password_hash = await passwords.hash(PASSWORD)
        assert await passwords.verify(password_hash, PASSWORD)
        assert not await passwords.verify(password_hash, PASSWORD + " ")
        assert not await passwords.verify(password_hash, "")

    async def test_every_keyboard_spells_a_password_the_same(self, passwords: Passwords) -> None:
        assert await passwords.verify(await passwords.hash("Zu\u0308rich am See"), "Z\u00fcrich am See")

    async def test_characters_that_only_look_alike_stay_apart(self, passwords: Passwords) -> None:
        assert not await passwords.verify(await passwords.hash("x\u00b2 and y"), "x2 and y")

    async def test_nobody_has_no_password_not_even_an_empty_one(self, passwords: Passwords) -> None:
        assert not await passwords.verify(None, PASSWORD)
        assert not await passwords.verify("", "")

    async def test_nobody_costs_a_whole_verification_with_the_same_parameters(
        self, passwords: Passwords, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        verified: list[str] = []

        def verify(self, password_hash, password):
            verified.append(password_hash)
            return original(self, password_hash, password)

        original = PasswordHasher.verify
        monkeypatch.setattr(PasswordHasher, "verify", verify)
        await passwords.verify(None, PASSWORD)
        (password_hash,) = verified
        assert extract_parameters(password_hash) == extract_parameters(await passwords.hash(PASSWORD))

    @pytest.mark.parametrize("stored", ["not a hash", "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$", "!"])
    async def test_a_hash_that_is_none_matches_nothing(self, passwords: Passwords, stored: str) -> None:
        assert not await passwords.verify(stored, PASSWORD)


class TestIsOutdated:
    async def test_a_hash_of_today_is_not(self, passwords: Passwords) -> None:
        assert not passwords.is_outdated(await passwords.hash(PASSWORD))

    def test_a_hash_with_other_parameters_is(self, passwords: Passwords) -> None:
        weaker = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1)
        assert passwords.is_outdated(weaker.hash(PASSWORD))


class TestThreads:
    async def test_no_more_run_at_once_than_there_are_threads(
        self, passwords: Passwords, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lock, running, most = threading.Lock(), 0, 0
        together = threading.Barrier(2, timeout=5)

        def verify(password_hash: str, password: str) -> bool:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            together.wait()
            with lock:
                running -= 1
            return True

        monkeypatch.setattr(passwords, "_verify", verify)
        await asyncio.gather(*(passwords.verify("hash", PASSWORD) for _ in range(6)))
        assert most == 2

    async def test_who_gives_up_waiting_is_never_hashed(
        self, passwords: Passwords, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        release, seen = threading.Event(), []

        def verify(password_hash: str, password: str) -> bool:
            seen.append(password)
            return release.wait(5)

        monkeypatch.setattr(passwords, "_verify", verify)
        busy = [asyncio.create_task(passwords.verify("hash", "busy")) for _ in range(2)]
        waiting = asyncio.create_task(passwords.verify("hash", "waiting"))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        release.set()
        await asyncio.gather(*busy)
        await passwords.verify("hash", "later")
        assert seen == ["busy", "busy", "later"]

    async def test_the_event_loop_goes_on_meanwhile(self, passwords: Passwords) -> None:
        turns = 0
        hashing = asyncio.create_task(passwords.hash(PASSWORD))
        while not hashing.done():
            await asyncio.sleep(0)
            turns += 1
        assert turns > 10
