"""Which answers are kept, and what makes them stale. A route says `@kept(…)`; everything else follows from there.

What is kept is the finished answer of one caller. It carries the caller's own tag besides those that the route names,
so that a change of role, team or time zone empties all that it must.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from app.api.needs import Need
from app.cache.entries import Kind, Tags
from app.domain.ids import TodoId
from app.domain.projects.cache_tags import of_projects_of
from app.domain.tags.cache_tags import of_tags_of
from app.domain.teams.cache_tags import of_teams
from app.domain.todos.cache_tags import of_lists, of_one
from app.domain.users.caller import Caller

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
PathParameters = dict[str, str]
TagsOf = Callable[[Caller, PathParameters], Tags | None]
"""The tags of an answer; None if nothing can be kept for these path parameters."""


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """A finished 200, or the refusal of what does not exist: then `missing` is the detail, and there is no body.

    `need` is that of the route: the answer is for nobody who may not use it.
    """

    template: str
    need: Need
    etag: str = ""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    missing: str = ""


@dataclass(frozen=True)
class Kept:
    """How the answers of one route are kept. A list is under a weak tag that its versions make, before it is loaded."""

    kind: Kind[Answer]
    tags_of: TagsOf
    is_list: bool
    is_costly: bool

    def tags(self, caller: Caller, path_parameters: PathParameters, query: bytes) -> Tags | None:
        """What the answer to this request depends on besides the caller."""
        tags = self.tags_of(caller, path_parameters)
        # A name can be written with escapes: where there are any, too many tags do no harm, and too few would.
        if tags is not None and query and (b"expand" in query or b"%" in query):
            return tags + _surroundings(caller)
        return tags


def kept(
    name: str, tags_of: TagsOf, *, is_list: bool = True, is_costly: bool = False
) -> Callable[[Endpoint], Endpoint]:
    """Declares that the answers of the decorated handler are kept, counted under `name`."""
    declared = Kept(Kind(name, Answer), tags_of, is_list, is_costly)

    def declare(endpoint: Endpoint) -> Endpoint:
        endpoint.kept = declared  # type: ignore[attr-defined]  # read by app.api.routing
        return endpoint

    return declare


def todos_seen(caller: Caller, _path: PathParameters) -> Tags:
    """Whatever shows or counts todos."""
    return of_lists(caller.team_ids)


def one_todo(caller: Caller, path: PathParameters) -> Tags | None:
    """One todo."""
    todo_id = _uuid(path["todo_id"])
    return None if todo_id is None else of_one(TodoId(todo_id), caller.team_ids)


def projects_seen(caller: Caller, _path: PathParameters) -> Tags:
    """Whatever shows projects."""
    return of_projects_of(caller.team_ids)


def tags_seen(caller: Caller, _path: PathParameters) -> Tags:
    """Whatever shows tags, perhaps with how many todos carry them."""
    return of_tags_of(caller.team_ids) + of_lists(caller.team_ids)


def teams_seen(caller: Caller, _path: PathParameters) -> Tags:
    """Whatever shows teams and their members."""
    return of_teams(caller.team_ids)


def nothing_else(_caller: Caller, _path: PathParameters) -> Tags:
    """Only the caller."""
    return ()


def _surroundings(caller: Caller) -> Tags:
    """What `expand` may show of others."""
    team_ids = caller.team_ids
    return of_lists(team_ids) + of_projects_of(team_ids) + of_tags_of(team_ids) + of_teams(team_ids)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
