"""People for tests, made by the real commands. Only the password, which is slow to hash, is hashed once for all."""

from functools import cache
from uuid import uuid4

from app.database.executor import Database
from app.domain.identity import commands
from app.domain.identity.authority import Authority
from app.domain.identity.passwords import Passwords
from app.domain.identity.session import Tokens, client_from
from app.domain.second_factors.keys import FactorKeys, factor_keys
from app.domain.users import repository
from app.domain.users.user import User
from app.field_encryption import field_cipher
from app.settings import Settings

PASSWORD = "correct horse battery staple"
CLIENT = client_from("pytest", "127.0.0.1")


@cache
def password_hash() -> str:
    """The hash of PASSWORD, with the real parameters."""
    passwords = Passwords(threads=1)
    try:
        return passwords._hash(PASSWORD)
    finally:
        passwords.close()


async def make_user(
    database: Database,
    *,
    name: str = "Ann Example",
    email: str | None = None,
    timezone: str = "UTC",
    roles: tuple[str, ...] = (),
) -> User:
    """A user with a personal team, whose password is PASSWORD; with an address of their own unless one is given."""
    return await commands.create_account(
        database,
        email=email or f"{uuid4().hex}@example.com",
        name=name,
        password_hash=password_hash(),
        timezone=timezone,
        roles=roles,
    )


async def open_session(database: Database, authority: Authority, user: User) -> Tokens:
    """Tokens of a new session of `user`, without the price of verifying the password, and without a second factor."""
    holder = await repository.password_by_id(database.reader, user.id)
    assert holder is not None
    tokens = await commands.open_session(database, authority, holder, CLIENT, with_second_factor=True)
    assert tokens is not None
    return tokens


def factor_keys_of(settings: Settings) -> FactorKeys:
    """What a worker with these settings seals and recognises factors with."""
    return factor_keys(settings.security, settings.outbound, field_cipher(settings.encryption))


def bearer(tokens: Tokens) -> dict[str, str]:
    """The header that authenticates a request."""
    return {"Authorization": f"Bearer {tokens.access_token}"}
