"""The SQL of users. Who may see whom is decided by the queries and commands that call it."""

from functools import cache
from typing import Any, NamedTuple

from msgspec import Struct
from sqlalchemy import (
    ARRAY,
    Integer,
    Select,
    Text,
    bindparam,
    column,
    func,
    insert,
    not_,
    or_,
    select,
    table,
    update,
)
from sqlalchemy.sql import ColumnElement

from app.database.executor import Reader, Transaction
from app.database.newest_first import LIMIT, Walk, walked
from app.database.schema import uuid
from app.database.statements import Change, Query, scalar
from app.domain.errors import Conflict
from app.domain.ids import TeamId, UserId
from app.domain.pages import PageRequest
from app.domain.text import fold
from app.domain.unit_of_work import refusals
from app.domain.users import cache_tags
from app.domain.users.tables import users
from app.domain.users.user import User

c = users.c
_COLUMNS = (
    c.id,
    c.email,
    c.name,
    c.roles,
    c.is_active,
    c.timezone,
    c.locale,
    c.email_verified_at,
    c.version,
    c.created_at,
    c.updated_at,
)
_GIVEN = ("id", "email", "email_key", "name", "name_key", "password_hash", "roles", "timezone")
_CHANGEABLE = (
    "email",
    "email_key",
    "email_verified_at",
    "name",
    "name_key",
    "timezone",
    "locale",
    "roles",
    "is_active",
)
_user_id = bindparam("user_id", type_=uuid)


class UserFilter(Struct, frozen=True):
    """Which users: with `is_active` as given, and with an address or a name that begins with `q`, whatever its case."""

    is_active: bool | None = None
    q: str | None = None


class PasswordHolder(Struct, frozen=True):
    """A person and what proves a password to be theirs."""

    user_id: UserId
    email: str
    name: str
    password_hash: str
    has_second_factor: bool
    # The password is one that only accounts with a second factor may have.
    password_needs_factor: bool


class _Updated(NamedTuple):
    """A user after a change, and the teams whose lists of members name them."""

    user: User
    team_ids: list[TeamId]


_BY_ID = Query("users.by_id", select(*_COLUMNS).where(c.id == _user_id), User)
_LOCK = Change(
    "users.lock",
    # Ordered, so that two administrators who change each other's access wait instead of deadlocking.
    select(*_COLUMNS)
    .where(c.id == func.any(bindparam("ids", type_=ARRAY(uuid))))
    .order_by(c.id)
    .with_for_update(key_share=True),
    User,
)
_INSERT = Change(
    "users.insert",
    # Whoever makes an account has made sure whose address it is.
    insert(users)
    .values({name: bindparam(name) for name in _GIVEN} | {"email_verified_at": func.now()})
    .returning(*_COLUMNS),
    User,
)
# Teams build on users, so their tables cannot be imported here. Whoever makes the user a member of a team holds a share
# of the user's row, so that no team comes between the lock of a change and its commit.
_memberships = table("team_memberships", column("team_id", uuid), column("user_id", uuid))
_team_ids = select(_memberships.c.team_id).where(_memberships.c.user_id == c.id).correlate(users).scalar_subquery()
_UPDATE = Change(
    "users.update",
    update(users)
    .where(c.id == _user_id)
    .values(
        {name: bindparam(f"new_{name}", type_=c[name].type) for name in _CHANGEABLE}
        | {"version": c.version + 1, "updated_at": func.clock_timestamp()}
    )
    .returning(*_COLUMNS, func.array(_team_ids, type_=ARRAY(uuid))),
    lambda *row: _Updated(User(*row[:-1]), row[-1]),
)
HOLDER = (c.id, c.email, c.name, c.password_hash, c.second_factor_since.is_not(None), c.password_needs_factor)
_HOLDER_BY_EMAIL = Query(
    "users.password_by_email", select(*HOLDER).where(c.email_key == bindparam("email_key", type_=Text)), PasswordHolder
)
_HOLDER_BY_ID = Query("users.password_by_id", select(*HOLDER).where(c.id == _user_id), PasswordHolder)


_IS_LEAVING = Query(
    "users.is_leaving",
    select(c.id).where(c.id == _user_id, c.is_active, c.deletion_scheduled_at.is_not(None)),
    scalar,
)


def _begins(column: ColumnElement[str]) -> ColumnElement[bool]:
    # Not LIKE: with a parameter as its pattern, a generic plan cannot use the index. These operators can always.
    at_least = column.op("~>=~", is_comparison=True)(bindparam("low", type_=Text))
    below = column.op("~<~", is_comparison=True)(bindparam("high", type_=Text))
    return at_least & below


class _Shape(NamedTuple):
    """Which conditions a list has; each combination is one statement."""

    is_active: bool | None
    is_search: bool


def _conditions(shape: _Shape) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if shape.is_active is not None:
        # Written into the statement, because a parameter could not use the partial index.
        conditions.append(c.is_active if shape.is_active else not_(c.is_active))
    if shape.is_search:
        conditions.append(or_(_begins(c.email_key), _begins(c.name_key)))
    return conditions


def _source(shape: _Shape) -> tuple[Select[Any], Any]:
    """The users that a list chooses from, and their columns.

    A search is looked up first, apart from its order: a plan for any words would rather walk all users in that order.
    """
    chosen = select(*_COLUMNS).where(*_conditions(shape))
    if not shape.is_search:
        return chosen, c
    found = chosen.cte("found").prefix_with("MATERIALIZED")
    return select(*(found.c[column.name] for column in _COLUMNS)), found.c


@cache
def _page_statement(walk: Walk, shape: _Shape) -> Query[User]:
    query, of = _source(shape)
    return Query("users.page", walked(query, of.created_at, of.id, walk), User)


@cache
def _numbered_statement(shape: _Shape) -> Query[User]:
    query, of = _source(shape)
    ordered = query.order_by(of.created_at.desc(), of.id.desc())
    return Query("users.numbered", ordered.limit(LIMIT).offset(bindparam("offset", type_=Integer)), User)


@cache
def _count_statement(shape: _Shape) -> Query[int]:
    query = select(func.count()).select_from(users).where(*_conditions(shape))
    return Query("users.count", query, scalar)


def _email_taken() -> Conflict:
    return Conflict("There is an account with this address; log in, or register another address.", code="EMAIL_TAKEN")


async def by_id(reader: Reader, user_id: UserId) -> User | None:
    """The user, active or not."""
    return await reader.first(_BY_ID, user_id=user_id)


async def page(reader: Reader, request: PageRequest, filters: UserFilter) -> list[User]:
    """Users newest first (backwards: oldest first) from the position on; one row more than the limit."""
    shape, parameters = _shape(filters)
    return await reader.all(_page_statement(request.walk, shape), **parameters, **request.place)


async def numbered(reader: Reader, *, number: int, size: int, filters: UserFilter) -> list[User]:
    """Page `number` (from 1) of `size` users, newest first. Costs grow with the number; cursors do not."""
    shape, parameters = _shape(filters)
    return await reader.all(_numbered_statement(shape), limit=size, offset=(number - 1) * size, **parameters)


async def count(reader: Reader, filters: UserFilter) -> int:
    """How many users there are. Costs grow with the answer."""
    shape, parameters = _shape(filters)
    return await reader.first(_count_statement(shape), **parameters) or 0


async def lock(work: Transaction, *user_ids: UserId) -> dict[UserId, User]:
    """Those of the users that exist; nobody else changes them until this transaction ends."""
    return {user.id: user for user in await work.all(_LOCK, ids=list(user_ids))}


async def insert_user(work: Transaction, user_id: UserId, **values: Any) -> User:
    """Stores a new account: email, name, password_hash, roles, timezone. Raises Conflict (EMAIL_TAKEN)."""
    with refusals({"uq_users_email_key": _email_taken}):
        keys = {"email_key": fold(values["email"]), "name_key": fold(values["name"])}
        made = await work.all(_INSERT, id=user_id, **keys, **values)
    work.touch(cache_tags.of_user(user_id))
    return made[0]


async def update_user(work: Transaction, user: User) -> User:
    """Stores the changeable fields of a locked user as its next version. Raises Conflict (EMAIL_TAKEN)."""
    values = {f"new_{name}": getattr(user, name) for name in _CHANGEABLE if not name.endswith("_key")}
    with refusals({"uq_users_email_key": _email_taken}):
        rows = await work.all(
            _UPDATE, user_id=user.id, new_email_key=fold(user.email), new_name_key=fold(user.name), **values
        )
    changed = rows[0]
    work.touch(cache_tags.of_user(user.id), *cache_tags.of_lists_of_members(changed.team_ids))
    return changed.user


async def password_by_email(reader: Reader, email: str) -> PasswordHolder | None:
    """Who has this address, whatever the case that it is written in, with the hash of their password."""
    return await reader.first(_HOLDER_BY_EMAIL, email_key=fold(email))


async def password_by_id(reader: Reader, user_id: UserId) -> PasswordHolder | None:
    """A user with the hash of their password."""
    return await reader.first(_HOLDER_BY_ID, user_id=user_id)


async def is_leaving(reader: Reader, user_id: UserId) -> bool:
    """True if the account would let its user in, were it not about to be erased."""
    return await reader.first(_IS_LEAVING, user_id=user_id) is not None


def _shape(filters: UserFilter) -> tuple[_Shape, dict[str, Any]]:
    """Which statement the filters need, and its parameters."""
    shape = _Shape(filters.is_active, filters.q is not None)
    if filters.q is None:
        return shape, {}
    low = fold(filters.q)
    return shape, {"low": low, "high": low + "\U0010ffff"}
