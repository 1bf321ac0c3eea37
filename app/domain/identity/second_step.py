"""The second of the two steps of a login: the proof of a second factor, for tokens."""

from app.database.executor import Database
from app.domain.errors import NotAuthenticated, invalid
from app.domain.identity import challenges, commands
from app.domain.identity.authority import Authority
from app.domain.identity.session import Client, Tokens
from app.domain.second_factors import proving, sending
from app.domain.second_factors.factor import Method
from app.domain.second_factors.keys import FactorKeys
from app.domain.unit_of_work import unit_of_work


async def finish_login(
    database: Database,
    authority: Authority,
    keys: FactorKeys,
    *,
    challenge: str,
    method: Method,
    code: str,
    client: Client,
) -> Tokens:
    """Opens the session that the challenge stands for; the proof and then the challenge are used up before.

    Raises NotAuthenticated (INVALID_CHALLENGE, WRONG_CODE) and TooManyAttempts.
    """
    holder = await challenges.attempt(database, challenge, client)
    await proving.prove(database, keys, holder.user_id, method, code)
    await challenges.consume(database, challenge)
    tokens = await commands.open_session(database, authority, holder, client, with_second_factor=True)
    if tokens is None:
        raise NotAuthenticated("Your account has changed meanwhile; log in again.", code="INVALID_CHALLENGE")
    return tokens


async def send_login_code(
    database: Database, keys: FactorKeys, *, challenge: str, method: Method, client: Client
) -> None:
    """Sends a code for the challenge. Raises NotAuthenticated (INVALID_CHALLENGE), Invalid and TooManyAttempts."""
    holder = await challenges.challenged(database, challenge, client)
    factor = await sending.addressee(database.reader, holder.user_id, method)
    if factor is None:
        raise invalid("#/method", "UNKNOWN_METHOD", "method must be one of yours that codes are sent for.")
    async with unit_of_work(database) as work:
        await sending.send_code(work, keys, factor, email=holder.email)
