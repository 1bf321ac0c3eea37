"""What tests of mailed tokens share: how much work was done, and what was mailed."""

from dataclasses import dataclass, field

from sqlalchemy import Text, bindparam, select

from app.database.executor import Database
from app.database.statements import Query, scalar
from app.domain.identity.tables import mailed_tokens
from app.domain.text import fold
from tests.messages import Outbox, Sent

_ROWS = Query(
    "tests.mailed_tokens",
    select(mailed_tokens.c.is_good).where(mailed_tokens.c.email_key == bindparam("email_key", type_=Text)),
    scalar,
)


@dataclass
class Effort:
    """Which statements ran, in order, and how many hashes were made and verified."""

    statements: list[str] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)


def token_in(letter: Sent) -> str:
    """The token in the link of a mail."""
    _, mark, token = letter.link.partition("#token=")
    assert mark, letter.text
    return token


async def mailed(outbox: Outbox, email: str) -> str:
    """The token in the newest mail to this address."""
    return token_in(await outbox.last_to(email))


async def good_tokens(database: Database, email: str) -> int:
    """How many tokens of an address are good for anything."""
    return sum(await database.reader.all(_ROWS, email_key=fold(email)))
