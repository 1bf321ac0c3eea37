"""The service with one promise of the cache broken: what the proofs of coherence must find, or else prove nothing.

`python -m tests.failures.altered_service NAMES serve` runs it, with what the names, parted by commas, stand for.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import redis

from app import cli
from app.api import answering, routing
from app.cache.announcing import Announcer
from app.cache.entries import Entry
from app.cache.flights import Flights
from app.cache.layer import Basis, Cache, Place
from app.database.executor import Database, Transaction
from app.database.statements import Statement
from app.database.touches import Note, note_of
from app.domain.guesses import limit
from app.domain.identity import challenges, rotation
from app.domain.identity.api_key_gate import ApiKeyGate
from app.domain.identity.gate import SessionGate
from app.domain.identity.session import Client
from app.domain.ids import FactorId
from app.domain.second_factors import repository as factors
from app.domain.second_factors import sending
from app.domain.unit_of_work import unit_of_work
from app.domain.users.repository import PasswordHolder
from app.field_encryption import FieldCipher
from app.redis.connecting import Connected
from app.redis.link import Link
from app.telemetry.logging import get_logger

DYING = "a client that is in at a death"
# Between what should be one moment: so that a reader falls into it within seconds.
SLOW_COMMIT_SECONDS = 0.02


def patient() -> None:
    """Breaks nothing: Redis may take half a second to answer, not a tenth.

    So what a test holds back comes late and is not lost, and neither is anything on a machine that is busy elsewhere.
    """
    defaults = Link.__init__.__kwdefaults__
    assert defaults is not None
    defaults["answer_seconds"] = 0.5


def versions_after_load() -> None:
    """A value is kept under the versions that its tags have when it has been loaded."""
    keep = Cache.load

    async def load(
        self: Cache, place: Place[Any], basis: Basis, load: Callable[[], Awaitable[Any]], **options: Any
    ) -> Entry[Any]:
        value = await load()
        found = await self.tags.read(basis.tags)
        later = Basis(basis.tags, await self.tags.settle(basis.tags, found), basis.connected)

        async def loaded() -> Any:
            return value

        return await keep(self, place, later, loaded, **options)

    Cache.load = load  # type: ignore[method-assign]  # that is the point


def touch_before_commit() -> None:
    """Tags get their new versions while what was written is not visible yet; nothing is noted."""
    keep = Database.transaction

    @asynccontextmanager
    async def transaction(self: Database) -> AsyncIterator[Transaction]:
        async with keep(self) as work:
            yield work
            if work.touched and self.announce is not None:
                touched, work.touched = work.touched, []
                await self.announce(note_of(touched))
                await asyncio.sleep(SLOW_COMMIT_SECONDS)

    Database.transaction = transaction  # type: ignore[method-assign]  # that is the point


def no_touch() -> None:
    """Nobody is told what was written."""

    async def announce(self: Announcer, note: Note) -> None:
        self._done.append(note.id)

    Announcer.announce = announce  # type: ignore[method-assign]  # that is the point


def no_repetition() -> None:
    """What could not be told at once is never told."""

    async def touch_noted(_self: Announcer, _connected: Connected, _age: timedelta) -> int:
        return 0

    Announcer._touch_noted = touch_noted  # type: ignore[method-assign, assignment]  # that is the point


def joins_older_loads() -> None:
    """Who comes after a write is handed what was being loaded before it."""
    keep = Flights.run

    async def run(self: Flights[Any], key: tuple[str, object], load: Callable[[], Awaitable[Any]]) -> tuple[Any, bool]:
        return await keep(self, key[0], load)

    Flights.run = run  # type: ignore[method-assign, assignment]  # that is the point


def sees_everybody() -> None:
    """One caller's answers are kept where those of others are looked for."""
    keep = answering._key

    def key(known: Any, scope: Any) -> str:
        return keep(known, scope).partition(" ")[2]

    answering._key = key


def dies_in_rotation() -> None:
    """The process is killed while it refreshes tokens, at the boundary that DIES_AT names.

    Before a statement, by its name; before "BEGIN" or "COMMIT"; before the "announcement" of what was committed; before
    the "answer".
    """
    boundary = os.environ["DIES_AT"]
    fetch, announce = Transaction._fetch, Announcer.announce

    def reach(this: str) -> None:
        if this == boundary:
            os.kill(os.getpid(), signal.SIGKILL)

    async def mortal_fetch(self: Transaction, statement: Statement[Any], parameters: dict[str, Any]) -> Any:
        reach(statement.name)
        return await fetch(self, statement, parameters)

    async def mortal_announce(self: Announcer, note: Note) -> None:
        reach("announcement")
        await announce(self, note)

    @asynccontextmanager
    async def mortal_unit_of_work(database: Database) -> AsyncIterator[Transaction]:
        reach("BEGIN")
        async with unit_of_work(database) as work:
            yield work
            reach("COMMIT")
        reach("answer")

    Transaction._fetch = mortal_fetch  # type: ignore[method-assign]  # that is the point
    Announcer.announce = mortal_announce  # type: ignore[method-assign]  # that is the point
    vars(rotation)["unit_of_work"] = mortal_unit_of_work


def unlimited_guesses() -> None:
    """Every guess at a second factor is looked at, so that only what accepts a proof decides."""
    limit.MAXIMUM = 1_000_000


def accepts_steps_again() -> None:
    """A time step is accepted by whoever has compared it, as if the step that was accepted last were only looked at."""

    async def take_step(work: Transaction, factor_id: FactorId, step: int) -> bool:
        return True

    factors.take_step = take_step


def dies_after_proof() -> None:
    """The process is killed when a second factor was accepted, before there are tokens; if the client is called so."""
    attempt, consume = challenges.attempt, challenges.consume

    async def attempt_or_die_later(database: Database, token: str, client: Client) -> PasswordHolder:
        challenges.consume = die if client.user_agent == DYING else consume
        return await attempt(database, token, client)

    async def die(database: Database, token: str) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    challenges.attempt = attempt_or_die_later


def logs_bodies() -> None:
    """Every body is logged as it comes."""
    keep = routing.parse_body

    def parse_body(model: type[Any], body: bytes) -> Any:
        get_logger("tests").info(f"received {body!r}")
        return keep(model, body)

    vars(routing)["parse_body"] = parse_body


def logs_headers() -> None:
    """Every token is logged where it is read, under a name that gives nothing away."""
    gates: list[Any] = [SessionGate, ApiKeyGate]
    for gate in gates:
        gate.read = _telling(gate.read)


def _telling(keep: Any) -> Any:
    def read(self: Any, token: str) -> Any:
        get_logger("tests").info("asked", trail=token[::-1])
        return keep(self, token)

    return read


def keeps_bodies() -> None:
    """Every body is put into Redis."""
    keep = routing.parse_body
    client = redis.Redis.from_url(os.environ["REDIS_URL"])

    def parse_body(model: type[Any], body: bytes) -> Any:
        client.lpush("bodies", body)
        return keep(model, body)

    vars(routing)["parse_body"] = parse_body


def seals_nothing() -> None:
    """What should be sealed is stored as it is."""
    cipher: Any = FieldCipher
    cipher.encrypt = lambda _self, text, *, place: text.encode()
    cipher.decrypt = lambda _self, sealed, *, place: sealed.decode()


def sends_at_once() -> None:
    """Breaks nothing: codes may be sent one after the other, not half a minute apart."""
    sending.PAUSE = timedelta(0)


ALTERATIONS: dict[str, Callable[[], None]] = {
    alteration.__name__: alteration
    for alteration in (
        patient,
        versions_after_load,
        touch_before_commit,
        no_touch,
        no_repetition,
        joins_older_loads,
        sees_everybody,
        dies_in_rotation,
        unlimited_guesses,
        accepts_steps_again,
        dies_after_proof,
        logs_bodies,
        logs_headers,
        keeps_bodies,
        seals_nothing,
        sends_at_once,
    )
}


if __name__ == "__main__":
    for name in filter(None, sys.argv[1].split(",")):
        ALTERATIONS[name]()
    sys.exit(cli.main(sys.argv[2:]))
