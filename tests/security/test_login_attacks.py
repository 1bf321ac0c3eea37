"""Attacks on passwords: from one address on many accounts, from many on one account; and what owners notice of it."""

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import httpx
import pytest

from app.abuse.guard import Guard
from app.abuse.logins import PAIR_TRIES
from app.database.executor import Database
from app.settings import Settings, load_settings
from tests.abuse.attacked import client_of, serving
from tests.conftest import Running
from tests.factories import PASSWORD, bearer, make_user, open_session
from tests.valkey_servers import until

LOGIN = "/api/v2/auth/login"
WRONG = "not the password of anybody"


@pytest.fixture(scope="module")
async def service(settings: Settings) -> AsyncIterator[Running]:
    """As in production, where this machine is nothing special: all of 127/8 are clients."""
    async with serving(settings, environment="production") as started:
        yield started


@pytest.fixture
def guard(service: Running) -> Guard:
    assert service.services.guard is not None
    return service.services.guard


@pytest.fixture
def places() -> Iterator[str]:
    """Addresses of this machine that nobody has used, one after another."""
    start = uuid4().int % (1 << 23)
    return (f"127.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(start, start + 10_000))


async def log_in(service: Running, place: str, email: str, password: str = WRONG, **headers: str) -> httpx.Response:
    async with client_of(service.app, place) as http:
        return await http.post(LOGIN, json={"email": email, "password": password}, headers=headers)


class TestOneAccountFromManyAddresses:
    async def test_the_owner_logs_in_from_elsewhere_and_keeps_working(
        self, service: Running, database: Database, places: Iterator[str]
    ):
        owner = await make_user(database)
        session = bearer(await open_session(database, service.services.authority, owner))
        for _ in range(50):
            attacker = next(places)
            for _ in range(3):
                await log_in(service, attacker, owner.email)
        assert (await log_in(service, next(places), owner.email, PASSWORD)).status_code == 200
        async with client_of(service.app, next(places)) as http:
            assert (await http.get("/api/v2/me", headers=session)).status_code == 200

    async def test_the_attack_is_noticed(
        self, service: Running, database: Database, places: Iterator[str], guard: Guard
    ):
        owner, before = await make_user(database), guard.counts.attacked_logins
        for _ in range(21):
            await log_in(service, next(places), owner.email)
        assert guard.counts.attacked_logins > before


class TestOneAddress:
    async def test_an_account_is_closed_to_it_after_five_tries_and_to_nobody_else(
        self, service: Running, database: Database, places: Iterator[str]
    ):
        owner, attacker = await make_user(database), next(places)
        answers = [await log_in(service, attacker, owner.email) for _ in range(PAIR_TRIES + 1)]
        assert [answer.status_code for answer in answers] == [401] * PAIR_TRIES + [429]
        assert answers[-1].json()["code"] == "LOGIN_THROTTLED"
        assert 290 <= int(answers[-1].headers["retry-after"]) <= 300
        assert (await log_in(service, attacker, owner.email, PASSWORD)).status_code == 429
        assert (await log_in(service, next(places), owner.email, PASSWORD)).status_code == 200

    async def test_many_accounts_block_it(
        self, service: Running, database: Database, places: Iterator[str], guard: Guard
    ):
        owner, attacker = await make_user(database), next(places)
        for _ in range(10):
            assert (await log_in(service, attacker, f"{uuid4().hex}@example.com")).status_code == 401
        await until(lambda: not guard._tasks)
        blocked = await log_in(service, attacker, owner.email, PASSWORD)
        assert (blocked.status_code, blocked.json()["code"]) == (429, "ADDRESS_BLOCKED")

    async def test_a_login_in_between_does_not_wash_it_clean(
        self, service: Running, database: Database, places: Iterator[str], guard: Guard
    ):
        owner, attacker = await make_user(database), next(places)
        for number in range(10):
            await log_in(service, attacker, f"{uuid4().hex}@example.com")
            if number < 9:
                await log_in(service, attacker, owner.email, PASSWORD)
        await until(lambda: not guard._tasks)
        assert guard.blocklist.seconds_left(attacker) > 0

    async def test_a_request_id_of_the_clients_does_not_make_all_tries_one(
        self, service: Running, database: Database, places: Iterator[str], guard: Guard
    ):
        owner, attacker = await make_user(database), next(places)
        ids = {"X-Request-Id": "always-the-same"}
        answers = [await log_in(service, attacker, owner.email, **ids) for _ in range(PAIR_TRIES + 1)]
        assert answers[-1].status_code == 429
        for _ in range(10):
            await log_in(service, attacker, f"{uuid4().hex}@example.com", **ids)
        await until(lambda: not guard._tasks)
        assert guard.blocklist.seconds_left(attacker) > 0

    async def test_a_replayed_refresh_token_speaks_against_it(
        self, settings: Settings, database: Database, places: Iterator[str]
    ):
        place = next(places)
        async with serving(settings, environment="production", REFRESH_GRACE_SECONDS="0") as service:
            owner = await make_user(database)
            tokens = await open_session(database, service.services.authority, owner)
            async with client_of(service.app, place) as http:
                answers = [
                    await http.post("/api/v2/auth/refresh", json={"refresh_token": tokens.refresh_token})
                    for _ in range(2)
                ]
            assert [answer.status_code for answer in answers] == [200, 401]
            assert answers[1].json()["code"] == "REFRESH_TOKEN_REUSED"
            assert service.services.guard is not None
            assert service.services.guard.counts.signals == {"replayed_token": 1}


class TestWhatAnswersTell:
    async def test_an_account_that_does_not_exist_is_closed_in_the_same_way(
        self, service: Running, database: Database, places: Iterator[str]
    ):
        owner = await make_user(database)
        answers = []
        for email in (owner.email, f"{uuid4().hex}@example.com"):
            place = next(places)
            said = [await log_in(service, place, email) for _ in range(PAIR_TRIES + 2)]
            answers.append([(one.status_code, one.json()["code"], one.json()["detail"]) for one in said])
        assert answers[0] == answers[1]

    async def test_the_spelling_of_an_address_does_not_make_another_account(
        self, service: Running, database: Database, places: Iterator[str]
    ):
        owner, place = await make_user(database), next(places)
        spellings = [owner.email, owner.email.upper(), owner.email.title()]
        answers = [await log_in(service, place, spellings[n % 3]) for n in range(PAIR_TRIES + 1)]
        assert answers[-1].status_code == 429

    async def test_nothing_of_people_lies_in_redis(self, service: Running, places: Iterator[str], settings: Settings):
        email = f"canary{uuid4().hex}@example.com"
        await log_in(service, next(places), email)
        cache = service.services.cache
        assert cache is not None
        assert cache.link.connected is not None
        pipeline = cache.link.connected.of("{todo:limits}:")
        texts = b""
        for key in await pipeline.ask("KEYS", "{todo:limits}:*"):
            texts += key
            if await pipeline.ask("TYPE", key) == b"zset":
                texts += b" ".join(await pipeline.ask("ZRANGE", key, 0, -1))
        assert b"tries:" in texts
        assert email.encode() not in texts
        assert b"@" not in texts

    async def test_version_1_says_it_in_its_own_words(
        self, service: Running, database: Database, places: Iterator[str]
    ):
        owner, place = await make_user(database), next(places)
        for _ in range(PAIR_TRIES):
            await log_in(service, place, owner.email)
        async with client_of(service.app, place) as http:
            answer = await http.post("/api/v1/auth/login", json={"email": owner.email, "password": "x"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "LOGIN_THROTTLED")


class TestWithoutRedis:
    async def test_tries_are_counted_in_the_process(
        self, settings: Settings, database: Database, places: Iterator[str]
    ):
        owner, place = await make_user(database), next(places)
        alone = settings.with_urls(database_url=settings.database.url.get_secret_value(), redis_url="")
        async with serving(alone, environment="production") as service:
            answers = [await log_in(service, place, owner.email) for _ in range(PAIR_TRIES + 1)]
            assert [answer.status_code for answer in answers] == [401] * PAIR_TRIES + [429]
            assert (await log_in(service, next(places), owner.email, PASSWORD)).status_code == 200


class TestOtherRefusals:
    async def test_a_service_that_fails_makes_no_try_wrong(self, redis_url: str, places: Iterator[str]):
        nowhere = load_settings(ENVIRONMENT="test", DATABASE_URL="postgresql://u:p@127.0.0.1:1/x", REDIS_URL=redis_url)
        place, email = next(places), f"{uuid4().hex}@example.com"
        async with serving(nowhere, environment="production") as service:
            answers = [await log_in(service, place, email) for _ in range(PAIR_TRIES + 1)]
        assert {answer.status_code for answer in answers} == {503}

    async def test_a_body_that_cannot_be_read_is_no_try(
        self, service: Running, database: Database, places: Iterator[str]
    ):
        owner, place = await make_user(database), next(places)
        async with client_of(service.app, place) as http:
            for _ in range(PAIR_TRIES + 1):
                answer = await http.post(LOGIN, json={"email": owner.email})
                assert answer.status_code == 422
        assert (await log_in(service, place, owner.email, PASSWORD)).status_code == 200
