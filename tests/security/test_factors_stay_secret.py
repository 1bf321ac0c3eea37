"""Secrets of second factors appear in no log line, no error, not in Redis, and nowhere in the database in the clear."""

import asyncio
import json
import re
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
import redis
from structlog.testing import capture_logs

from app.database.executor import Database
from app.settings import Settings
from tests.api.conftest import Person, set_up_totp
from tests.authenticators import Clock, a_number
from tests.conftest import Running
from tests.factories import PASSWORD, bearer, make_user, open_session
from tests.messages import Outbox
from tests.security.canaries import found_in

MFA = "/api/v2/me/mfa"


async def dump(database_url: str) -> bytes:
    """All rows of all tables, as a dump would write them."""
    connection = await asyncpg.connect(database_url)
    try:
        tables = await connection.fetch(
            "SELECT format('%I', tablename) AS name FROM pg_tables WHERE schemaname = 'public'"
        )
        rows = [
            row["line"]
            for table in tables
            for row in await connection.fetch(f"SELECT t::text AS line FROM {table['name']} AS t")  # noqa: S608 - named by the database
        ]
    finally:
        await connection.close()
    return "\n".join(rows).encode()


def everything_in(redis_url: str) -> bytes:
    """All keys and their values, as Redis dumps them."""
    with redis.Redis.from_url(redis_url) as client:
        keys = list(client.scan_iter())
        return b"\n".join(key + b"=" + (client.dump(key) or b"") for key in keys)


async def statements_running(database_url: str) -> bytes:
    """What pg_stat_activity shows of the last statement of every connection."""
    connection = await asyncpg.connect(database_url)
    try:
        return "\n".join(row["query"] for row in await connection.fetch("SELECT query FROM pg_stat_activity")).encode()
    finally:
        await connection.close()


@pytest.fixture
async def ann(service: Running, settings: Settings, database: Database) -> AsyncIterator[Person]:
    user = await make_user(database, name="Ann")
    headers = bearer(await open_session(database, service.services.authority, user))
    transport = httpx.ASGITransport(service.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=settings.http.base_url, headers=headers) as http:
        yield Person(user, http)


async def test_secrets_appear_nowhere(
    client: httpx.AsyncClient, ann: Person, clock: Clock, outbox: Outbox, database_url: str, redis_url: str
) -> None:
    errors: list[str] = []

    async def remember_error(response: httpx.Response) -> None:
        if response.is_error:
            await response.aread()
            errors.append(response.text + json.dumps(dict(response.headers)))

    client.event_hooks["response"].append(remember_error)
    ann.http.event_hooks["response"].append(remember_error)
    number = a_number()
    with capture_logs() as logs:
        enrolled = await set_up_totp(ann, clock)
        await ann.http.post(f"{MFA}/sms", json={"password": PASSWORD, "phone_number": number})
        sent = (await outbox.last_to(number)).code
        login = {"email": ann.user.email, "password": PASSWORD}
        challenge = (await client.post("/api/v2/auth/login", json=login)).json()["challenge"]
        wrong_turn = {"challenge": challenge, "method": "totp", "code": enrolled.recovery_codes[1]}
        assert (await client.post("/api/v2/auth/mfa/verify", json=wrong_turn)).status_code == 401
        unknown = {**wrong_turn, "secret": enrolled.telephone.secret, "number": number}
        assert (await client.post("/api/v2/auth/mfa/verify", json=unknown)).status_code == 422
        assert (await ann.http.post(f"{MFA}/sms/confirm", json={"code": "000000"})).status_code == 401
        seen_while_pending = await dump(database_url)
        proof = {**wrong_turn, "method": "recovery_code", "code": enrolled.recovery_codes[0]}
        assert (await client.post("/api/v2/auth/mfa/verify", json=proof)).status_code == 200
    secrets = {
        "password": PASSWORD,
        "totp secret": enrolled.telephone.secret,
        "phone number": number,
        "challenge": challenge,
        **{f"recovery code {place}": code for place, code in enumerate(enrolled.recovery_codes)},
    }
    assert len(errors) == 3
    places: dict[str, bytes] = {
        "database": await dump(database_url),
        "database while pending": seen_while_pending,
        "redis": await asyncio.to_thread(everything_in, redis_url),
        "pg_stat_activity": await statements_running(database_url),
        "errors": "\n".join(errors).encode(),
        "logs": json.dumps(logs, default=str).encode(),
    }
    assert {name: found_in(where, secrets) for name, where in places.items()} == {name: [] for name in places}
    # Six digits occur by chance among so many, but not as a whole value.
    assert not re.search(rb'[(,"]%s[),"]' % sent.encode(), seen_while_pending)
