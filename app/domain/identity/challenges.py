"""The first of the two steps of a login, kept for five minutes: somebody has proved the password and nothing else.

A challenge is 256 random bits, of which the database has the hash: it says nothing, opens nothing, and is no token of
any other kind. It is good for five attempts and for one success, only while the password stays as it was, and only from
the program that proved it. Not from one address alone: many clients have two, or change theirs on the way.
"""

import hashlib
import secrets
from datetime import timedelta

from msgspec import Struct

from app.database.executor import Database
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.errors import NotAuthenticated
from app.domain.identity import challenge_repository as repository
from app.domain.identity.challenge_repository import Challenged
from app.domain.identity.session import Client
from app.domain.second_factors import code_repository
from app.domain.second_factors import repository as factors_repository
from app.domain.second_factors.factor import Method
from app.domain.unit_of_work import in_batches, unit_of_work
from app.domain.users import repository as users_repository
from app.domain.users.repository import PasswordHolder

TOKEN_BYTES = 32
LIFETIME = timedelta(minutes=5)
ATTEMPTS = 5
PURGE_BATCH = 500


class Challenge(Struct, frozen=True):
    """What a client gets in the place of tokens: it has to prove one of `methods` within so many seconds."""

    token: str
    expires_in: int
    methods: list[Method]


async def challenge(database: Database, holder: PasswordHolder, client: Client) -> Challenge | None:
    """A challenge for somebody who has proved their password; None if they are not active or changed it meanwhile."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    challenged = Challenged(holder.user_id, _digest(holder.password_hash), _digest(client.user_agent))
    async with unit_of_work(database) as work:
        if not await repository.insert_challenge(
            work, challenged, _digest(token), password_hash=holder.password_hash, lifetime=LIFETIME
        ):
            return None
        user_id = holder.user_id
        audit.record(work, Action.LOGIN_CHALLENGED, actor=user_id, subject=Subject("user", user_id))
    methods = [factor.method for factor in await factors_repository.confirmed(database.reader, holder.user_id)]
    if await code_repository.recovery_codes_left(database.reader, holder.user_id):
        methods.append(Method.RECOVERY_CODE)
    return Challenge(token, LIFETIME.seconds, methods)


async def attempt(database: Database, token: str, client: Client) -> PasswordHolder:
    """Who was challenged, having counted the attempt. Raises NotAuthenticated (INVALID_CHALLENGE)."""
    challenged = await repository.count_attempt(database.autocommit(), _digest(token), maximum=ATTEMPTS)
    return await _holder(database, challenged, client)


async def challenged(database: Database, token: str, client: Client) -> PasswordHolder:
    """Who was challenged. Raises NotAuthenticated (INVALID_CHALLENGE)."""
    return await _holder(database, await repository.usable(database.reader, _digest(token), maximum=ATTEMPTS), client)


async def consume(database: Database, token: str) -> None:
    """Uses a challenge up. Raises NotAuthenticated (INVALID_CHALLENGE) if that has happened already."""
    if not await repository.consume(database.autocommit(), _digest(token)):
        raise _invalid()


async def purge_expired(database: Database) -> int:
    """Deletes the challenges that are too old, in batches of 500; says how many."""
    return await in_batches(database, repository.purge, PURGE_BATCH)


async def _holder(database: Database, challenged: Challenged | None, client: Client) -> PasswordHolder:
    if challenged is None or challenged.client_hash != _digest(client.user_agent):
        raise _invalid()
    holder = await users_repository.password_by_id(database.reader, challenged.user_id)
    if holder is None or challenged.proved_hash != _digest(holder.password_hash):
        raise _invalid()
    return holder


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _invalid() -> NotAuthenticated:
    return NotAuthenticated("This login took too long or was tried too often; log in again.", code="INVALID_CHALLENGE")
