"""The SQL of single projects. Each statement reaches a project through the caller's membership in its team."""

from sqlalchemy import Double, Text, and_, bindparam, func, insert, select, update

from app.database.executor import Reader, Transaction
from app.database.schema import uuid
from app.database.statements import Change, Query
from app.domain.ids import ProjectId, TeamId, UserId, uuid7
from app.domain.projects.cache_tags import of_projects
from app.domain.projects.project import Project, ProjectDraft
from app.domain.projects.tables import projects
from app.domain.teams.policy import Role
from app.domain.teams.tables import team_memberships

p, m = projects.c, team_memberships.c

COLUMNS = (
    p.team_id,
    p.id,
    p.user_id,
    p.name,
    p.description,
    p.color,
    p.status,
    p.position,
    p.version,
    p.created_at,
    p.updated_at,
    p.deleted_at,
)
TEAM_ID = bindparam("team_id", type_=uuid)
BY_CALLER = m.user_id == bindparam("caller_id", type_=uuid)
LIVE = p.deleted_at.is_(None)
KEY = and_(p.team_id == bindparam("key_team_id", type_=uuid), p.id == bindparam("key_id", type_=uuid))
CALLER_ROLE = bindparam("role", type_=Text)
# The caller has few teams, and each is one probe of the primary key.
ONE = (
    select(*COLUMNS, m.role)
    .join_from(team_memberships, projects, and_(p.team_id == m.team_id, p.id == bindparam("id", type_=uuid)))
    .where(BY_CALLER)
)

_GET = Query("projects.get", ONE.where(LIVE), Project)
_LOCK = Change("projects.lock", ONE.where(LIVE).with_for_update(of=projects, key_share=True), Project)
_CHANGEABLE = {"name": Text, "description": Text, "color": Text, "status": Text}
# A viewer and a stranger insert nothing: the row is selected from the memberships that may write.
_INSERT = Change(
    "projects.insert",
    insert(projects)
    .from_select(
        [*_CHANGEABLE, "team_id", "id", "user_id", "position"],
        select(
            *(bindparam(name, type_=kind) for name, kind in _CHANGEABLE.items()),
            m.team_id,
            bindparam("id", type_=uuid),
            m.user_id,
            func.coalesce(bindparam("position", type_=Double), func.extract("epoch", func.clock_timestamp())),
        ).where(BY_CALLER, m.team_id == TEAM_ID, m.role != Role.VIEWER.value),
    )
    .returning(*COLUMNS, select(m.role).where(BY_CALLER, m.team_id == TEAM_ID).scalar_subquery()),
    Project,
)
_UPDATE = Change(
    "projects.update",
    update(projects)
    .where(KEY)
    .values(
        **{name: bindparam(name, type_=kind) for name, kind in _CHANGEABLE.items()},
        position=bindparam("position", type_=Double),
        version=p.version + 1,
        updated_at=func.clock_timestamp(),
    )
    .returning(*COLUMNS, CALLER_ROLE),
    Project,
)


async def get(reader: Reader, caller_id: UserId, project_id: ProjectId) -> Project | None:
    """The project, unless it is in the trash or the caller cannot see it."""
    return await reader.first(_GET, caller_id=caller_id, id=project_id)


async def lock(work: Transaction, caller_id: UserId, project_id: ProjectId) -> Project | None:
    """As `get`, and nobody else changes it until this transaction ends."""
    return await work.first(_LOCK, caller_id=caller_id, id=project_id)


async def insert_project(work: Transaction, caller_id: UserId, team_id: TeamId, draft: ProjectDraft) -> Project | None:
    """Stores a new project; None if the caller may not write in that team."""
    project = await work.first(
        _INSERT,
        id=uuid7(),
        caller_id=caller_id,
        team_id=team_id,
        name=draft.name,
        description=draft.description,
        color=draft.color,
        status=draft.status,
        position=draft.position,
    )
    if project is not None:
        work.touch(of_projects(team_id))
    return project


async def update_project(work: Transaction, project: Project) -> Project:
    """Stores the changeable fields of a locked project as its next version."""
    rows = await work.all(
        _UPDATE,
        key_team_id=project.team_id,
        key_id=project.id,
        name=project.name,
        description=project.description,
        color=project.color,
        status=project.status,
        position=project.position,
        role=project.role,
    )
    work.touch(of_projects(project.team_id))
    return rows[0]
