"""The table of what commands on todos announce: its rows, and the scene that they are played in."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from app.database.executor import Database
from app.domain.ids import TeamId
from app.domain.teams.policy import Role
from app.domain.todos import commands
from app.domain.todos.todo import Status, Todo, TodoDraft
from app.domain.users.caller import Caller
from tests.team_factories import make_member, make_team

Act = Callable[[], Awaitable[object]]
PLAIN = TodoDraft(title="x")


class RolledBackError(Exception):
    """Why a unit of work came to nothing."""


@dataclass(frozen=True)
class Scene:
    """Ann, the todos of her own team, and what is done to them."""

    database: Database
    ann: Caller

    @property
    def own(self) -> TeamId:
        return self.ann.personal_team_id

    async def todo(self, **values: Any) -> Todo:
        return await commands.create(self.database, self.ann, TodoDraft(title="x", **values))

    async def done(self) -> Todo:
        return await self.todo(status=Status.DONE)

    async def family(self) -> tuple[Todo, Todo]:
        parent = await self.todo()
        return parent, await self.todo(parent_id=parent.id)

    async def viewer(self) -> tuple[Caller, TeamId]:
        """Somebody who may only look at one of Ann's teams."""
        team = await make_team(self.database, self.ann)
        return await make_member(self.database, self.ann, team, Role.VIEWER), team.id

    async def trashed_long_ago(self, **values: Any) -> None:
        todo = await self.todo(**values)
        await commands.delete(self.database, self.ann, todo.id)
        async with self.database.transaction() as work:
            sql = "UPDATE todos SET deleted_at = now() - interval '31 days' WHERE id = $1"
            await work._connection.raw.execute(sql, todo.id)

    def call(self, command: Callable[..., Awaitable[object]], *arguments: Any, **options: Any) -> Act:
        return partial(command, self.database, self.ann, *arguments, **options)

    def inside(self, command: Callable[..., Awaitable[object]], *arguments: Any, fails: bool = False) -> Act:
        async def act() -> None:
            async with self.database.transaction() as work:
                await command(work, self.ann, *arguments)
                if fails:
                    raise RolledBackError

        return act


Case = Callable[[Scene], Awaitable[tuple[Act, set[str]]]]
CASES: list[tuple[str, Case]] = []


def row(command: str) -> Callable[[Case], Case]:
    """A row of the table: arranges, and says how the command is called and which tags it then announces."""

    def keep(case: Case) -> Case:
        CASES.append((command, case))
        return case

    return keep
