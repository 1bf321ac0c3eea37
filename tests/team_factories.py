"""Callers, teams and projects for tests, made by the real commands."""

from dataclasses import replace
from uuid import uuid4

from app.database.executor import Database
from app.domain.identity.authority import Authority
from app.domain.ids import SessionId, UserId
from app.domain.pages import PageRequest
from app.domain.projects import commands as project_commands
from app.domain.projects.project import Project, ProjectDraft
from app.domain.tags import commands as tag_commands
from app.domain.tags.tag import Tag, TagDraft
from app.domain.teams import commands as team_commands
from app.domain.teams import repository
from app.domain.teams.policy import Role
from app.domain.teams.team import Team, TeamDraft
from app.domain.todos import commands as todo_commands
from app.domain.todos.todo import Todo, TodoDraft
from app.domain.users.caller import Caller
from app.domain.users.user import User
from tests.factories import make_user, open_session


async def caller_for(database: Database, user: User) -> Caller:
    """`user` as the one who calls, with their personal team; the session exists in name only."""
    teams = await repository.page(database.reader, user.id, PageRequest(limit=100))
    return Caller(
        user_id=user.id,
        session_id=SessionId(uuid4()),
        personal_team_id=next(team.id for team in teams if team.is_personal),
        timezone=user.timezone,
        roles=frozenset(user.roles),
        team_ids=tuple(team.id for team in teams),
    )


async def logged_in(database: Database, authority: Authority, user: User) -> Caller:
    """`user` in a new session, which is fresh."""
    tokens = await open_session(database, authority, user)
    session_id = authority.access_tokens.verify(tokens.access_token).session_id
    return replace(await caller_for(database, user), session_id=session_id)


async def make_caller(database: Database, *, name: str = "Ann Example") -> Caller:
    """Somebody new."""
    return await caller_for(database, await make_user(database, name=name))


async def make_member(database: Database, owner: Caller, team: Team, role: Role = Role.MEMBER) -> Caller:
    """Somebody new in `team`, taken in by its owner."""
    user = await make_user(database)
    await team_commands.add_member(database, owner, team.id, email=user.email, role=role)
    return await caller_for(database, user)


async def make_team(database: Database, owner: Caller, *, name: str = "Household") -> Team:
    """A shared team of `owner`."""
    return await team_commands.create(database, owner, TeamDraft(name=name))


async def make_project(
    database: Database, caller: Caller, *, name: str = "Garden", team: Team | None = None, position: float | None = None
) -> Project:
    """A project in `team`, or in the caller's own."""
    draft = ProjectDraft(name=name, team_id=team.id if team else None, position=position)
    return await project_commands.create(database, caller, draft)


async def make_tag(database: Database, caller: Caller, name: str, *, team: Team | None = None) -> Tag:
    """A tag in `team`, or in the caller's own."""
    return await tag_commands.create(database, caller, TagDraft(name=name, team_id=team.id if team else None))


async def make_todo(
    database: Database,
    caller: Caller,
    *,
    title: str = "Water the plants",
    team: Team | None = None,
    project: Project | None = None,
    assignee_id: UserId | None = None,
    tags: tuple[str, ...] = (),
) -> Todo:
    """A todo in `team` or `project`, or in the caller's own team."""
    draft = TodoDraft(
        title=title,
        team_id=team.id if team else None,
        project_id=project.id if project else None,
        assignee_id=assignee_id,
        tags=tags,
    )
    return await todo_commands.create(database, caller, draft)
