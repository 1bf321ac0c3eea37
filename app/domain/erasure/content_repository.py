"""The SQL of taking away what a person has left, so many rows at a time.

Each statement can be run again at any moment: it takes what is still there. Rows are locked in the order of their keys.
"""

from collections.abc import Sequence

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    LargeBinary,
    Table,
    bindparam,
    case,
    delete,
    func,
    null,
    or_,
    select,
    tuple_,
    update,
)

from app.database.executor import Reader, Transaction
from app.database.schema import uuid
from app.database.statements import Change, Query, scalar
from app.domain.exports.tables import export_chunks, exports
from app.domain.guesses.tables import guesses
from app.domain.identity.tables import api_keys, login_challenges, mailed_tokens, refresh_tokens, sessions
from app.domain.ids import FactorId, TeamId, UserId
from app.domain.projects.cache_tags import of_projects
from app.domain.projects.tables import projects
from app.domain.second_factors.tables import code_sendings, recovery_codes, second_factors
from app.domain.teams.cache_tags import of_all_in, of_todos_in
from app.domain.teams.policy import Role
from app.domain.teams.tables import team_memberships
from app.domain.todos.tables import tags, todos
from app.domain.users.tables import may_come_in, users

m = team_memberships.c

_user_id = bindparam("user_id", type_=uuid)
_team_id = bindparam("team_id", type_=uuid)
_limit = bindparam("limit", type_=Integer)


def _some(table: Table, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """At most `limit` of the rows of `table` that fulfil the condition, locked."""
    keys = tuple(table.primary_key.columns)
    chosen = select(*keys).where(condition).order_by(*keys).limit(_limit).with_for_update().cte("chosen")
    return tuple_(*keys).in_(select(*chosen.c))


def _deletion(table: Table, condition: ColumnElement[bool]) -> Change[object]:
    first_key = next(iter(table.primary_key.columns))
    return Change(f"{table.name}.erase", delete(table).where(_some(table, condition)).returning(first_key), scalar)


def _unlinking(table: Table, column: ColumnElement[object], condition: ColumnElement[bool]) -> Change[TeamId]:
    """Takes the person out of a column, as a new version of each row: it is shown to others."""
    values = {column: null(), table.c.version: table.c.version + 1, table.c.updated_at: func.clock_timestamp()}
    changed = update(table).where(_some(table, condition)).values(values).returning(table.c.team_id)
    return Change(f"{table.name}.unlink", changed, scalar)


# In this order: what hangs on something goes before it, so that no statement takes more with it than it counts.
_OF_PERSON = tuple(
    _deletion(table, condition)
    for table, condition in (
        (export_chunks, export_chunks.c.export_id.in_(select(exports.c.id).where(exports.c.user_id == _user_id))),
        (exports, exports.c.user_id == _user_id),
        (
            refresh_tokens,
            refresh_tokens.c.session_id.in_(select(sessions.c.id).where(sessions.c.user_id == _user_id)),
        ),
        (sessions, sessions.c.user_id == _user_id),
        (api_keys, api_keys.c.user_id == _user_id),
        (login_challenges, login_challenges.c.user_id == _user_id),
        # Those of others, too, that went to this address.
        (
            mailed_tokens,
            or_(
                mailed_tokens.c.user_id == _user_id,
                mailed_tokens.c.email_key.in_(select(users.c.email_key).where(users.c.id == _user_id)),
            ),
        ),
        (guesses, guesses.c.user_id == _user_id),
        (recovery_codes, recovery_codes.c.user_id == _user_id),
        (second_factors, second_factors.c.user_id == _user_id),
    )
)
_OF_TEAM = tuple(_deletion(table, table.c.team_id == _team_id) for table in (todos, projects, tags))
_AUTHORED = (
    _unlinking(todos, todos.c.created_by, todos.c.created_by == _user_id),
    _unlinking(projects, projects.c.user_id, projects.c.user_id == _user_id),
)
_ASSIGNED = _unlinking(todos, todos.c.assignee_id, (todos.c.team_id == _team_id) & (todos.c.assignee_id == _user_id))
_SENDINGS = Change(
    "code_sendings.erase",
    delete(code_sendings)
    .where(code_sendings.c.recipient_index == func.any(bindparam("indexes", type_=ARRAY(LargeBinary))))
    .returning(code_sendings.c.sent),
    scalar,
)
_PHONES = Query(
    "second_factors.phones",
    select(second_factors.c.id, second_factors.c.sealed)
    .where(second_factors.c.user_id == _user_id, second_factors.c.method == "sms")
    .order_by(second_factors.c.id)
    .limit(_limit),
    lambda factor_id, sealed: (factor_id, sealed),
)
_EMAIL = Query("users.email", select(users.c.email).where(users.c.id == _user_id), scalar)
_TEAMS = Query(
    "team_memberships.of_leaver",
    select(m.team_id).where(m.user_id == _user_id).order_by(m.team_id).limit(_limit),
    scalar,
)
_others = select(m.user_id).where(m.team_id == _team_id, m.user_id != _user_id)
_HAS_OTHERS = Query("team_memberships.has_others", select(_others.exists()), scalar)
_rank = case({Role.ADMIN.value: 1, Role.MEMBER.value: 2}, value=m.role, else_=3)
_HEIR = Query(
    "team_memberships.heir",
    _others.join_from(team_memberships, users, users.c.id == m.user_id)
    .order_by(may_come_in.desc(), _rank, m.created_at, m.user_id)
    .limit(1),
    scalar,
)


async def email(reader: Reader, user_id: UserId) -> str | None:
    """The address of an account; None if it is gone."""
    return await reader.first(_EMAIL, user_id=user_id)


async def phones(reader: Reader, user_id: UserId, limit: int) -> list[tuple[FactorId, bytes]]:
    """The telephone numbers that codes are sent to or were to be, sealed, each with its factor."""
    return await reader.all(_PHONES, user_id=user_id, limit=limit)


async def delete_sendings(work: Transaction, indexes: Sequence[bytes]) -> None:
    """Forgets how many codes were sent to these recipients."""
    await work.run(_SENDINGS, indexes=list(indexes))


async def delete_own(work: Transaction, user_id: UserId, limit: int) -> int:
    """Deletes at most `limit` rows that are the person's alone; how many.

    The account is closed, so nothing that proves who somebody is has been cached since.
    """
    left = limit
    for deletion in _OF_PERSON:
        if left:
            left -= len(await work.all(deletion, user_id=user_id, limit=left))
    return limit - left


async def delete_of_team(work: Transaction, team_id: TeamId, limit: int) -> int:
    """Deletes at most `limit` todos, projects and tags of a team, those in the trash included; how many."""
    left = limit
    for deletion in _OF_TEAM:
        if left:
            left -= len(await work.all(deletion, team_id=team_id, limit=left))
    if left < limit:
        work.touch(*of_all_in(team_id))
    return limit - left


async def unassign(work: Transaction, user_id: UserId, team_id: TeamId, limit: int) -> int:
    """Makes at most `limit` todos of a team nobody's that are assigned to the person; how many."""
    changed = await work.all(_ASSIGNED, user_id=user_id, team_id=team_id, limit=limit)
    if changed:
        work.touch(*of_todos_in(team_id))
    return len(changed)


async def unlink(work: Transaction, user_id: UserId, limit: int) -> int:
    """Takes the person's name from at most `limit` todos, or else projects, that they created; how many."""
    todo_teams = await work.all(_AUTHORED[0], user_id=user_id, limit=limit)
    for team_id in set(todo_teams):
        work.touch(*of_todos_in(team_id))
    if len(todo_teams) == limit:
        return limit
    project_teams = await work.all(_AUTHORED[1], user_id=user_id, limit=limit - len(todo_teams))
    work.touch(*map(of_projects, set(project_teams)))
    return len(todo_teams) + len(project_teams)


async def teams(reader: Reader, user_id: UserId, limit: int) -> list[TeamId]:
    """Teams that the person is in."""
    return await reader.all(_TEAMS, user_id=user_id, limit=limit)


async def has_others(reader: Reader, team_id: TeamId, user_id: UserId) -> bool:
    """True if somebody else is in the team. Only sure to stay so under the team's lock."""
    return bool(await reader.first(_HAS_OTHERS, team_id=team_id, user_id=user_id))


async def heir(reader: Reader, team_id: TeamId, user_id: UserId) -> UserId | None:
    """Who is to own the team after its last owner: of those who can come in, the admin who is in it for longest.

    Without one the member, and then the viewer; somebody who cannot come in if there is nobody else.
    """
    return await reader.first(_HEIR, team_id=team_id, user_id=user_id)
