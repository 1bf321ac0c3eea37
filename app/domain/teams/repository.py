"""The SQL of teams. Each statement starts from the memberships of one user: what the user is not in has no rows."""

from sqlalchemy import (
    ARRAY,
    Integer,
    Text,
    bindparam,
    column,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    table,
    true,
    update,
)

from app.database.executor import Reader, Transaction
from app.database.schema import moment, uuid
from app.database.statements import Change, Query, scalar
from app.domain.errors import Conflict
from app.domain.ids import TeamId, UserId, uuid7
from app.domain.pages import PageRequest
from app.domain.teams import cache_tags
from app.domain.teams.policy import Role
from app.domain.teams.tables import team_memberships, teams
from app.domain.teams.team import Team
from app.domain.unit_of_work import ConstraintErrors, refusals
from app.domain.users.cache_tags import of_user
from app.domain.users.tables import users

t, m = teams.c, team_memberships.c

COLUMNS = (t.id, t.name, t.slug, t.personal_user_id.is_not(None), t.version, t.created_at, t.updated_at)
CALLER_ID = bindparam("caller_id", type_=uuid)
TEAM_ID = bindparam("team_id", type_=uuid)
LIMIT = bindparam("limit", type_=Integer)


_mine = select(*COLUMNS, m.role).join_from(team_memberships, teams, t.id == m.team_id).where(m.user_id == CALLER_ID)
_one = _mine.where(m.team_id == TEAM_ID)
_GET = Query("teams.get", _one, Team)
_FIRST = Query("teams.page", _mine.order_by(m.team_id).limit(LIMIT), Team)
_NEXT = Query("teams.page", _mine.where(m.team_id > TEAM_ID).order_by(m.team_id).limit(LIMIT), Team)
_PREVIOUS = Query("teams.page", _mine.where(m.team_id < TEAM_ID).order_by(m.team_id.desc()).limit(LIMIT), Team)
_COUNT = Query("teams.count", select(func.count()).where(m.user_id == CALLER_ID), scalar)
_ROLE = Query("teams.role", select(m.role).where(m.team_id == TEAM_ID, m.user_id == CALLER_ID), Role)

# Both rows are locked, so that both are read again after a wait: who has lost the role meanwhile has lost it here.
_LOCK = Change("teams.lock", _one.with_for_update(of=[teams, team_memberships], key_share=True), Team)
# The stronger lock also keeps out who adds something to the team, and needs its row for a foreign key.
_LOCK_FOR_DELETION = Change("teams.lock_for_deletion", _one.with_for_update(of=[teams, team_memberships]), Team)

_new_team = (
    insert(teams)
    .values(
        id=bindparam("id"),
        name=bindparam("name"),
        slug=bindparam("slug"),
        personal_user_id=bindparam("personal_user_id"),
    )
    .returning(*COLUMNS)
    .cte("new_team")
)
_new_owner = (
    insert(team_memberships)
    .from_select(
        ["team_id", "user_id", "role"],
        # The share makes this and a change of the user's name take turns: whoever is second knows of the first.
        select(_new_team.c.id, users.c.id, literal(Role.OWNER.value, Text))
        .join_from(_new_team, users, users.c.id == CALLER_ID)
        .with_for_update(read=True, of=users),
    )
    .returning(m.role)
    .cte("new_owner")
)
_INSERT = Change("teams.insert", select(*_new_team.c, _new_owner.c.role).join_from(_new_team, _new_owner, true()), Team)
_UPDATE = Change(
    "teams.update",
    update(teams)
    .where(t.id == TEAM_ID)
    .values(
        name=bindparam("name"),
        slug=bindparam("slug"),
        version=t.version + 1,
        updated_at=func.clock_timestamp(),
    )
    .returning(*COLUMNS, bindparam("role", type_=Text)),
    Team,
)
# What the statement returns was read before the memberships went with their team.
_member_ids = select(m.user_id).where(m.team_id == t.id).correlate(teams).scalar_subquery()
_DELETE = Change(
    "teams.delete", delete(teams).where(t.id == TEAM_ID).returning(func.array(_member_ids, type_=ARRAY(uuid))), scalar
)

# Projects and todos build on teams, so their tables cannot be imported here; this much of them must be known.
_projects = table("projects", column("team_id", uuid), column("deleted_at", moment))
_todos = table("todos", column("team_id", uuid), column("deleted_at", moment))
_HOLDS_WORK = Query(
    "teams.holds_work",
    select(
        or_(
            select(_projects).where(_projects.c.team_id == TEAM_ID, _projects.c.deleted_at.is_(None)).exists(),
            select(_todos).where(_todos.c.team_id == TEAM_ID, _todos.c.deleted_at.is_(None)).exists(),
        )
    ),
    scalar,
)

_REFUSALS: ConstraintErrors = {
    "uq_teams_slug": lambda: Conflict("Another team has this slug; choose another one.", code="SLUG_TAKEN")
}


async def get(reader: Reader, caller_id: UserId, team_id: TeamId) -> Team | None:
    """The team, if the caller is a member of it."""
    return await reader.first(_GET, caller_id=caller_id, team_id=team_id)


async def role(reader: Reader, caller_id: UserId, team_id: TeamId) -> Role | None:
    """The caller's role in the team, or None."""
    return await reader.first(_ROLE, caller_id=caller_id, team_id=team_id)


async def page(reader: Reader, caller_id: UserId, request: PageRequest) -> list[Team]:
    """The caller's teams in walking order, one row more than the limit. Ids are in order of creation."""
    position, limit = request.position, request.limit + 1
    if position is None:
        return await reader.all(_FIRST, caller_id=caller_id, limit=limit)
    statement = _PREVIOUS if position.backwards else _NEXT
    return await reader.all(statement, caller_id=caller_id, team_id=position.id, limit=limit)


async def count(reader: Reader, caller_id: UserId) -> int:
    """How many teams the caller is a member of."""
    return await reader.first(_COUNT, caller_id=caller_id) or 0


async def lock(work: Transaction, caller_id: UserId, team_id: TeamId) -> Team | None:
    """As `get`; nobody else changes the team or the caller's membership until this transaction ends."""
    return await work.first(_LOCK, caller_id=caller_id, team_id=team_id)


async def lock_for_deletion(work: Transaction, caller_id: UserId, team_id: TeamId) -> Team | None:
    """As `lock`; nobody adds anything to the team either."""
    return await work.first(_LOCK_FOR_DELETION, caller_id=caller_id, team_id=team_id)


async def insert_personal(work: Transaction, *, user_id: UserId, name: str) -> TeamId:
    """Makes the personal team of a new user, who becomes its owner. One statement.

    The slug holds the team's id, so that no name can be taken.
    """
    team_id = TeamId(uuid7())
    slug = f"personal-{team_id.hex}"
    await work.run(_INSERT, id=team_id, name=name, slug=slug, personal_user_id=user_id, caller_id=user_id)
    work.touch(cache_tags.of_team(team_id), of_user(user_id))
    return team_id


async def insert_shared(work: Transaction, caller_id: UserId, team_id: TeamId, *, name: str, slug: str) -> Team:
    """Makes a team that the caller owns. One statement. Raises Conflict (SLUG_TAKEN)."""
    with refusals(_REFUSALS):
        rows = await work.all(_INSERT, id=team_id, name=name, slug=slug, personal_user_id=None, caller_id=caller_id)
    work.touch(cache_tags.of_team(team_id), of_user(caller_id))
    return rows[0]


async def update_team(work: Transaction, team: Team) -> Team:
    """Stores name and slug of a locked team as its next version. Raises Conflict (SLUG_TAKEN)."""
    with refusals(_REFUSALS):
        rows = await work.all(_UPDATE, team_id=team.id, name=team.name, slug=team.slug, role=team.role)
    work.touch(cache_tags.of_team(team.id))
    return rows[0]


async def holds_work(reader: Reader, team_id: TeamId) -> bool:
    """True while the team has a project or a todo outside the trash."""
    return bool(await reader.first(_HOLDS_WORK, team_id=team_id))


async def delete_team(work: Transaction, team_id: TeamId) -> None:
    """Erases the team, locked for deletion, with everything that it owns, the trash included."""
    member_ids: list[UserId] = await work.first(_DELETE, team_id=team_id) or []
    work.touch(*cache_tags.of_all_in(team_id), *(of_user(member_id) for member_id in member_ids))
