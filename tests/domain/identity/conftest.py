"""What tests of identity share: a gate, and people who are logged in."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from app.database.executor import Database
from app.domain.identity.authority import Authority
from app.domain.identity.gate import SessionGate
from app.domain.identity.session import Tokens
from app.domain.second_factors.keys import FactorKeys
from app.domain.users.caller import Caller
from app.domain.users.user import User
from tests.authenticators import Clock
from tests.domain.identity.house import House
from tests.domain.identity.mailing import Effort
from tests.factories import make_user, open_session
from tests.messages import Outbox


@dataclass(frozen=True)
class Visitor:
    """Somebody with one session."""

    user: User
    tokens: Tokens
    caller: Caller


Measured = Callable[[Database], AbstractContextManager[Effort]]
NewVisitor = Callable[..., Awaitable[Visitor]]


def counting(hashes: list[str], name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def counted(*arguments: str) -> Any:
        hashes.append(name)
        return original(*arguments)

    return counted


@pytest.fixture
def effort(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Measured:
    """Measures what a block makes the service do: not how long it takes, but what there is to take long."""
    passwords = authority.passwords

    @contextmanager
    def measured(database: Database) -> Iterator[Effort]:
        spent = Effort()
        with database.observed() as statements, monkeypatch.context() as patch:
            for name in ("_hash", "_verify"):
                patch.setattr(passwords, name, counting(spent.hashes, name, getattr(passwords, name)))
            yield spent
        spent.statements += statements

    return measured


@pytest.fixture
def gate(database: Database, authority: Authority) -> SessionGate:
    return SessionGate(database.reader, authority.access_tokens)


@pytest.fixture
def new_visitor(database: Database, authority: Authority, gate: SessionGate) -> NewVisitor:
    async def make(user: User | None = None, **attributes: Any) -> Visitor:
        """A new session of `user`, or of somebody new."""
        known = user or await make_user(database, **attributes)
        tokens = await open_session(database, authority, known)
        return Visitor(known, tokens, await gate.caller(tokens.access_token))

    return make


@pytest.fixture
async def visitor(new_visitor: NewVisitor) -> Visitor:
    return await new_visitor()


@pytest.fixture
def house(database: Database, authority: Authority, keys: FactorKeys, clock: Clock, outbox: Outbox) -> House:
    return House(database, authority, keys, clock, outbox)
