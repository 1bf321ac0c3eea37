"""What tables of commands and the cache tags that they announce are made of, and the stage that they are played on."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from app.database.executor import Database
from app.database.touches import FORGET, Note
from app.domain.identity.authority import Authority
from app.domain.identity.letters import Letters
from app.domain.second_factors.keys import FactorKeys
from app.field_encryption import field_cipher
from app.settings import Settings
from tests.factories import factor_keys_of

# What a test changes behind the service's back is written under this name; it announces nothing.
BEHIND_THE_SCENES = "todo-tests-behind"

Command = Callable[..., Any]


@dataclass(frozen=True)
class Stage:
    """A database whose announcements are kept, and another door to it for what no command does: time that passes."""

    database: Database
    behind: Database
    authority: Authority
    letters: Letters
    keys: FactorKeys
    notes: list[Note] = field(default_factory=list)
    _arranged: list[int] = field(default_factory=lambda: [0])

    def begin(self) -> None:
        """All that was announced so far came of arranging; what comes now counts."""
        self._arranged[0] = len(self.notes)

    @property
    def announced(self) -> set[str]:
        """The tags announced since `begin`."""
        return {tag for note in self.notes[self._arranged[0] :] for tag in note.tags}


@dataclass(frozen=True)
class Case:
    """One use of a command. `play` arranges, says `begin`, acts, and returns what must have been announced."""

    command: Command
    play: Callable[[Stage], Awaitable[set[str] | None]]

    @property
    def name(self) -> str:
        """`teams.commands.leave: leaving`."""
        return f"{self.command.__module__.removeprefix('app.domain.')}.{self.command.__name__}: {self.play.__name__}"


@dataclass(frozen=True)
class Table:
    """Every command of some modules: what it announces, and when it announces nothing.

    `silent` are the commands that never change anything that is cached.
    """

    modules: tuple[ModuleType, ...]
    changing: tuple[Case, ...]
    leaving: tuple[Case, ...]
    silent: frozenset[Command] = frozenset()


@asynccontextmanager
async def stage_on(database: Database, settings: Settings, authority: Authority) -> AsyncIterator[Stage]:
    """A stage on `database`, which goes back to announcing nothing, and forgets its notes, in the end."""
    behind = Database(settings.database, application_name=BEHIND_THE_SCENES)
    letters = Letters(field_cipher(settings.encryption), settings.http.account_pages)
    stage = Stage(database, behind, authority, letters, factor_keys_of(settings))

    async def remember(note: Note) -> None:
        stage.notes.append(note)

    database.announce = remember
    try:
        yield stage
    finally:
        database.announce = None
        async with behind.transaction() as work:
            await work.run(FORGET, ids=[note.id for note in stage.notes])
        await behind.close()


def commands_of(modules: Iterable[ModuleType]) -> set[Command]:
    """The commands that modules offer: public coroutine functions that take a database."""
    return {
        member
        for module in modules
        for name, member in inspect.getmembers(module, inspect.iscoroutinefunction)
        if member.__module__ == module.__name__
        and not name.startswith("_")
        and next(iter(inspect.signature(member).parameters)) == "database"
    }
