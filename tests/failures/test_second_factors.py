"""Second factors on two real workers: one proof is one login, whatever happens at the same time or in between."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import pytest

from app.domain.guesses.limit import MAXIMUM
from app.domain.identity import enrolment
from app.domain.identity.gate import SessionGate
from app.domain.second_factors import totp
from app.domain.second_factors.factor import Method
from app.domain.users.user import User
from app.settings import load_settings
from bench.processes import ServerError
from tests.conftest import TEMPLATE, WORKER, Stack, recreate
from tests.factories import PASSWORD, factor_keys_of, make_user, open_session
from tests.failures.altered_service import DYING
from tests.failures.keep_alive import Answer, Client
from tests.failures.two_workers import Workers, working

CLIENT = "a client"
LOGINS = 10


@dataclass(frozen=True)
class Enrolled:
    """Somebody with an authenticator, whose clock is the real one."""

    user: User
    secret: str

    def code(self, *, ahead: int = 0) -> str:
        """Of the present step, or of one that is so many ahead."""
        return totp.code_at(self.secret, int(time.time()) // totp.STEP_SECONDS + ahead)

    def wrong_code(self) -> str:
        """Of no step nearby."""
        near = {self.code(ahead=ahead) for ahead in range(-4, 5)}
        return next(code for code in map("{:06}".format, range(20)) if code not in near)


@pytest.fixture(scope="module")
async def own_database_url(stack: Stack) -> str:
    return await recreate(stack.admin_url, f"todo_factors_{WORKER}_test", template=TEMPLATE)


def two_workers(database_url: str, redis_url: str, altered: str) -> AbstractAsyncContextManager[Workers]:
    return working(database_url, [redis_url] * 2, store_url=redis_url, altered=altered)


@pytest.fixture(scope="module")
async def workers(own_database_url: str, redis_url: str) -> AsyncIterator[Workers]:
    async with two_workers(own_database_url, redis_url, "patient") as started:
        yield started


async def enrolled(workers: Workers) -> Enrolled:
    """Somebody new. The code that confirms the factor is that of the step before, so the present one is unused."""
    user, keys = await make_user(workers.database), factor_keys_of(load_settings(ENVIRONMENT="test"))
    tokens = await open_session(workers.database, workers.authority, user)
    caller = await SessionGate(workers.database.reader, workers.authority.access_tokens).caller(tokens.access_token)
    made = await enrolment.begin_totp(workers.database, workers.authority, keys, caller, password=PASSWORD)
    somebody = Enrolled(user, made.secret)
    await enrolment.confirm(workers.database, keys, caller, Method.TOTP, somebody.code(ahead=-1))
    return somebody


async def challenge(client: Client, somebody: Enrolled, name: str = CLIENT) -> str:
    body = {"email": somebody.user.email, "password": PASSWORD}
    answer = await client.ask("POST", "/api/v2/auth/login", body, headers={"User-Agent": name})
    return str(answer.document["challenge"])


async def verify(client: Client, token: str, code: str, name: str = CLIENT) -> Answer:
    body = {"challenge": token, "method": "totp", "code": code}
    return await client.ask("POST", "/api/v2/auth/mfa/verify", body, headers={"User-Agent": name})


async def simultaneous(workers: Workers, somebody: Enrolled, code: str) -> Counter[int]:
    """One code for many challenges at once, half of them at each worker: how often each status came."""
    clients = [workers.client(number % 2) for number in range(LOGINS)]
    tokens = await asyncio.gather(*(challenge(client, somebody) for client in clients))
    answers = await asyncio.gather(
        *(verify(client, token, code) for client, token in zip(clients, tokens, strict=True))
    )
    return Counter(answer.status for answer in answers)


class TestSimultaneous:
    async def test_one_code_is_one_login(self, own_database_url: str, redis_url: str) -> None:
        """With the limit on guesses out of the way, which would let only five of them be looked at."""
        async with two_workers(own_database_url, redis_url, "patient,unlimited_guesses") as workers:
            for _ in range(3):
                somebody = await enrolled(workers)
                assert await simultaneous(workers, somebody, somebody.code(ahead=1)) == {200: 1, 401: LOGINS - 1}

    async def test_without_compare_and_swap_it_would_be_more(self, own_database_url: str, redis_url: str) -> None:
        """The control: else the test above would say nothing."""
        altered = "patient,unlimited_guesses,accepts_steps_again"
        async with two_workers(own_database_url, redis_url, altered) as workers:
            somebody = await enrolled(workers)
            assert (await simultaneous(workers, somebody, somebody.code(ahead=1)))[200] > 1

    async def test_five_wrong_codes_are_looked_at(self, workers: Workers) -> None:
        somebody = await enrolled(workers)
        statuses = await simultaneous(workers, somebody, somebody.wrong_code())
        assert statuses == {401: MAXIMUM, 429: LOGINS - MAXIMUM}


class TestCrash:
    async def test_what_was_accepted_before_a_crash_is_not_accepted_after_it(
        self, own_database_url: str, redis_url: str
    ) -> None:
        """One worker dies between the proof and the tokens; the other one is asked to go on."""
        statuses: list[tuple[int, str]] = []
        with pytest.raises(ServerError, match="worker 0 ended by itself with status -9"):
            async with two_workers(own_database_url, redis_url, "patient,dies_after_proof") as workers:
                statuses += await go_on_after_a_crash(workers)
        assert statuses == [(401, "WRONG_CODE"), (401, "WRONG_CODE"), (200, "")]


async def go_on_after_a_crash(workers: Workers) -> list[tuple[int, str]]:
    """The same code again for the same challenge and for another one, then the next code: what they are answered."""
    somebody, dying, living = await enrolled(workers), workers.client(0), workers.client(1)
    token, code = await challenge(dying, somebody, DYING), somebody.code()
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await verify(dying, token, code, DYING)
    answers = [
        await verify(living, token, code, DYING),
        await verify(living, await challenge(living, somebody), code),
        await verify(living, await challenge(living, somebody), somebody.code(ahead=1)),
    ]
    return [(answer.status, answer.document.get("code", "")) for answer in answers]
