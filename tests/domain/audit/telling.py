"""What tables of commands and the entries that they leave in the audit log are made of."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from app.database.executor import Database, Transaction
from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.identity.authority import Authority
from app.domain.teams.policy import Role
from app.domain.teams.team import Team
from app.domain.users.caller import Caller
from app.domain.users.user import User
from tests.factories import make_user
from tests.team_factories import logged_in, make_caller, make_member, make_team

Act = Callable[[], Awaitable[object]]
Command = Callable[..., Any]


class UndoneError(Exception):
    """Why a unit of work came to nothing."""


@dataclass
class Told:
    """What one entry must say. `actor` None: nobody known, the service or its operator."""

    action: Action
    actor: Caller | User | None
    subject: Subject | None
    changed: dict[str, Any] = field(default_factory=dict)
    team_id: UUID | None = None
    outcome: str = "done"

    @property
    def actor_id(self) -> UUID | None:
        if self.actor is None:
            return None
        return self.actor.user_id if isinstance(self.actor, Caller) else self.actor.id


class Undoing(Database):
    """A database on which, from a moment on, every unit of work ends well and is undone all the same."""

    is_undoing = False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with super().transaction() as work:
            yield work
            if self.is_undoing:
                raise UndoneError


@dataclass(frozen=True)
class Scene:
    """Where a case is played: Ann owns a team, in which Bob is a member."""

    database: Database
    authority: Authority
    ann: Caller
    bob: Caller
    team: Team

    def call(self, command: Command, *arguments: Any, **options: Any) -> Act:
        return partial(command, self.database, *arguments, **options)

    async def administrator(self) -> Caller:
        user = await make_user(self.database, roles=("admin",))
        return await logged_in(self.database, self.authority, user)

    async def behind(self, statement: str, *arguments: Any) -> None:
        """What no command does, time that passes for example."""
        async with self.database.transaction() as work:
            await work._connection.raw.execute(statement, *arguments)


async def scene_on(database: Database, authority: Authority) -> Scene:
    """A scene with people of its own."""
    ann = await make_caller(database)
    team = await make_team(database, ann)
    bob = await make_member(database, ann, team, Role.MEMBER)
    return Scene(database, authority, ann, bob, team)


Expected = list[Told] | Callable[[Any], list[Told]]
Play = Callable[[Scene], Awaitable[tuple[Act, Expected]]]


@dataclass(frozen=True)
class Case:
    """One use of a command. `play` arranges; it returns how the command is called, and what the log then says of it.

    What depends on the command's result is given as a function of it. A refusal is raised, and has no result.
    """

    command: Command
    play: Play

    @property
    def name(self) -> str:
        return f"{self.command.__module__.removeprefix('app.domain.')}.{self.command.__name__}: {self.play.__name__}"


@dataclass(frozen=True)
class Table:
    """The cases of one feature. `unaudited` are the commands that never write an entry, each with the reason."""

    unaudited: dict[Command, str]
    cases: list[Case] = field(default_factory=list)

    def case(self, command: Command) -> Callable[[Play], Play]:
        def keep(play: Play) -> Play:
            self.cases.append(Case(command, play))
            return play

        return keep
