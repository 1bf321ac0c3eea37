"""What the log holds, for tests to look at: past every rule of who may see it."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Text, bindparam, cast, func, select

from app.database.executor import Database
from app.database.schema import moment, uuid
from app.database.statements import Query
from app.domain.audit.action import Action
from app.domain.audit.chain import Link
from app.domain.audit.tables import audit_chains, audit_log

c = audit_log.c


class Kept(msgspec.Struct, frozen=True):
    """One row as it was stored."""

    action: str
    outcome: str
    actor_kind: str
    actor_id: UUID | None
    token_id: UUID | None
    subject: tuple[str | None, str | None]
    team_id: UUID | None
    request_id: str | None
    address: str | None
    changed: Mapping[str, Any]


def _kept(*row: Any) -> Kept:
    action, outcome, kind, actor_id, token_id, subject_kind, subject_id, team_id, request_id, address, changed = row
    subject = (subject_kind, subject_id)
    told = msgspec.json.decode(changed) if changed else {}
    return Kept(action, outcome, kind, actor_id, token_id, subject, team_id, request_id, address, told)


_WHOLE = (
    c.action, c.outcome, c.actor_kind, c.actor_id, c.token_id, c.subject_kind, c.subject_id, c.team_id, c.request_id,
    c.address, cast(c.changed, Text),
)  # fmt: skip
_IN_ORDER = (c.at, c.chain, c.number)
_BY_ACTOR = Query(
    "tests.by_actor", select(*_WHOLE).where(c.actor_id == bindparam("id", type_=uuid)).order_by(*_IN_ORDER), _kept
)
_BY_SUBJECT = Query(
    "tests.by_subject",
    select(*_WHOLE).where(c.subject_id == bindparam("id", type_=Text)).order_by(*_IN_ORDER),
    _kept,
)
_LINKS = Query(
    "tests.links",
    select(
        func.date_trunc("month", func.timezone("UTC", c.at)), c.chain,
        c.number, c.at, c.id, c.actor_kind, c.actor_id, c.token_id, c.action, c.outcome, c.subject_kind, c.subject_id,
        c.team_id, c.request_id, c.seal, c.salt, c.address, cast(c.changed, Text), c.hash,
    ).order_by(c.at, c.chain, c.number),
    lambda month, chain, *row: (month.date(), chain, Link(*row)),
)  # fmt: skip
_HEADS = Query(
    "tests.heads",
    select(audit_chains.c.month, audit_chains.c.chain, audit_chains.c.number, audit_chains.c.hash),
    lambda month, chain, number, last: ((month, chain), (number, last)),
)


async def by_actor(database: Database, actor_id: UUID, action: Action | None = None) -> list[Kept]:
    """What somebody did, oldest first; of one kind if `action` is given."""
    return _of_kind(await database.reader.all(_BY_ACTOR, id=actor_id), action)


async def by_subject(database: Database, subject_id: UUID | str, action: Action | None = None) -> list[Kept]:
    """What was done to something, oldest first; of one kind if `action` is given."""
    return _of_kind(await database.reader.all(_BY_SUBJECT, id=str(subject_id)), action)


async def chains(database: Database) -> dict[tuple[date, int], list[Link]]:
    """Every row, by month and chain, in the order of the numbers."""
    found: dict[tuple[date, int], list[Link]] = {}
    for month, chain, link in await database.reader.all(_LINKS):
        found.setdefault((month, chain), []).append(link)
    return {place: sorted(links, key=lambda link: link.number) for place, links in found.items()}


async def heads(database: Database) -> dict[tuple[date, int], tuple[int, bytes]]:
    """Number and hash of the last row of every chain."""
    return dict(await database.reader.all(_HEADS))


def _of_kind(rows: list[Kept], action: Action | None) -> list[Kept]:
    return [row for row in rows if action is None or row.action == action]


_NOW = Query("tests.now", select(func.clock_timestamp()), lambda moment: moment)
_NEWER = Query(
    "tests.newer", select(*_WHOLE).where(c.at > bindparam("since", type_=moment)).order_by(*_IN_ORDER), _kept
)


async def newer(database: Database) -> Callable[[], Awaitable[list[Kept]]]:
    """What will have been added from now on, oldest first."""
    since = await database.reader.first(_NOW)
    return lambda: database.reader.all(_NEWER, since=since)
