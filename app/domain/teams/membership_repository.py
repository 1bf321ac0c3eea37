"""The SQL of who belongs to a team. Reads go through the caller's own membership, as in `repository`."""

from sqlalchemy import Integer, Text, bindparam, column, delete, exists, func, insert, select, table, update

from app.database.executor import Reader, Transaction
from app.database.schema import moment, uuid
from app.database.statements import Change, Query, scalar
from app.domain.errors import Conflict
from app.domain.ids import TeamId, UserId
from app.domain.pages import PageRequest
from app.domain.teams.cache_tags import of_team, of_todos_in
from app.domain.teams.policy import Role
from app.domain.teams.repository import CALLER_ID, LIMIT, TEAM_ID
from app.domain.teams.tables import team_memberships
from app.domain.teams.team import Membership
from app.domain.unit_of_work import ConstraintErrors, refusals
from app.domain.users.cache_tags import of_user
from app.domain.users.tables import may_come_in, users

m, u = team_memberships.c, users.c
_caller = team_memberships.alias("caller")

_MEMBER_ID = bindparam("member_id", type_=uuid)
_COLUMNS = (m.team_id, m.user_id, u.name, u.email, m.created_at, m.role)


_all = (
    select(*_COLUMNS)
    .join_from(_caller, team_memberships, m.team_id == _caller.c.team_id)
    .join(users, u.id == m.user_id)
    .where(_caller.c.user_id == CALLER_ID, _caller.c.team_id == TEAM_ID)
)
_one = _all.where(m.user_id == _MEMBER_ID)
_GET = Query("teams.member", _one, Membership)
_FIRST = Query("teams.members", _all.order_by(m.user_id).limit(LIMIT), Membership)
_NEXT = Query("teams.members", _all.where(m.user_id > _MEMBER_ID).order_by(m.user_id).limit(LIMIT), Membership)
_PREVIOUS = Query(
    "teams.members", _all.where(m.user_id < _MEMBER_ID).order_by(m.user_id.desc()).limit(LIMIT), Membership
)
_COUNT = Query("teams.member_count", select(func.count()).where(m.team_id == TEAM_ID), scalar)
# Who assigns a todo to the member needs the membership's row for a foreign key, and waits.
_LOCK = Change("teams.lock_member", _one.with_for_update(of=team_memberships), Membership)
_HAS_OTHER_OWNER = Query(
    "teams.has_other_owner",
    select(select(m.user_id).where(m.team_id == TEAM_ID, m.role == Role.OWNER.value, m.user_id != _MEMBER_ID).exists()),
    scalar,
)

_new = (
    insert(team_memberships)
    .from_select(
        ["team_id", "user_id", "role"],
        # The share makes this and a change of the account take turns: whoever is second knows of the first.
        select(TEAM_ID, u.id, bindparam("role", type_=Text))
        .where(u.email_key == bindparam("email_key", type_=Text), may_come_in)
        .with_for_update(read=True),
    )
    .returning(m.team_id, m.user_id, m.created_at, m.role)
    .cte("new")
)
_INSERT = Change(
    "teams.insert_member",
    select(_new.c.team_id, _new.c.user_id, u.name, u.email, _new.c.created_at, _new.c.role).join_from(
        _new, users, u.id == _new.c.user_id
    ),
    Membership,
)
_is_member = (m.team_id == TEAM_ID, m.user_id == _MEMBER_ID)
_UPDATE_ROLE = Change(
    "teams.update_role", update(team_memberships).where(*_is_member).values(role=bindparam("role")), scalar
)
_DELETE = Change("teams.delete_member", delete(team_memberships).where(*_is_member), scalar)

# Todos build on teams, so their table cannot be imported here. The foreign key would clear the assignee by itself,
# but without a new version: a client that holds the todo could then overwrite what it has not seen.
_todos = table(
    "todos",
    column("team_id", uuid),
    column("assignee_id", uuid),
    column("version", Integer),
    column("updated_at", moment),
)
_unassigned = (
    update(_todos)
    .where(_todos.c.team_id == TEAM_ID, _todos.c.assignee_id == _MEMBER_ID)
    .values(assignee_id=None, version=_todos.c.version + 1, updated_at=func.clock_timestamp())
    .returning(_todos.c.team_id)
    .cte("unassigned")
)
_UNASSIGN = Change("teams.unassign", select(exists(select(_unassigned.c.team_id))), scalar)

_REFUSALS: ConstraintErrors = {
    "pk_team_memberships": lambda: Conflict("This person is a member of the team already.", code="ALREADY_MEMBER")
}


async def get(reader: Reader, caller_id: UserId, team_id: TeamId, member_id: UserId) -> Membership | None:
    """The member's membership, if the caller is in the same team."""
    return await reader.first(_GET, caller_id=caller_id, team_id=team_id, member_id=member_id)


async def page(reader: Reader, caller_id: UserId, team_id: TeamId, request: PageRequest) -> list[Membership]:
    """The members in walking order, one row more than the limit. Ids of users are in order of their registration."""
    position, limit = request.position, request.limit + 1
    if position is None:
        return await reader.all(_FIRST, caller_id=caller_id, team_id=team_id, limit=limit)
    statement = _PREVIOUS if position.backwards else _NEXT
    return await reader.all(statement, caller_id=caller_id, team_id=team_id, member_id=position.id, limit=limit)


async def count(reader: Reader, team_id: TeamId) -> int:
    """How many members a team has."""
    return await reader.first(_COUNT, team_id=team_id) or 0


async def lock(work: Transaction, caller_id: UserId, team_id: TeamId, member_id: UserId) -> Membership | None:
    """As `get`; until this transaction ends nobody changes the membership or assigns a todo to the member."""
    return await work.first(_LOCK, caller_id=caller_id, team_id=team_id, member_id=member_id)


async def has_other_owner(reader: Reader, team_id: TeamId, member_id: UserId) -> bool:
    """True if the team has an owner besides this member. Only sure to stay so under the team's lock."""
    return bool(await reader.first(_HAS_OTHER_OWNER, team_id=team_id, member_id=member_id))


async def insert_member(work: Transaction, team_id: TeamId, *, email_key: str, role: str) -> Membership | None:
    """Adds the active account with this address; None if there is none. Raises Conflict (ALREADY_MEMBER)."""
    with refusals(_REFUSALS):
        member = await work.first(_INSERT, team_id=team_id, email_key=email_key, role=role)
    if member is not None:
        work.touch(of_team(team_id), of_user(member.user_id))
    return member


async def update_role(work: Transaction, member: Membership) -> None:
    """Stores the role of a locked membership."""
    await work.run(_UPDATE_ROLE, team_id=member.team_id, member_id=member.user_id, role=member.role)
    work.touch(of_team(member.team_id), of_user(member.user_id))


async def delete_member(work: Transaction, member: Membership) -> None:
    """Ends a locked membership. What was assigned to the member is nobody's, as a new version of each todo."""
    if await work.first(_UNASSIGN, team_id=member.team_id, member_id=member.user_id):
        work.touch(*of_todos_in(member.team_id))
    await work.run(_DELETE, team_id=member.team_id, member_id=member.user_id)
    work.touch(of_team(member.team_id), of_user(member.user_id))
