"""Who the matrix asks as, and what they are tried on: made anew for each question, by the real commands."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx

from app.domain.blocks import commands as block_commands
from app.domain.identity import administration, commands
from app.domain.identity.administration import AccessChange
from app.domain.projects import commands as project_commands
from app.domain.second_factors.factor import Method
from app.domain.teams import commands as team_commands
from app.domain.teams import policy
from app.domain.teams.team import Team
from app.domain.todos import commands as todo_commands
from app.domain.users.caller import Caller
from app.domain.users.user import User
from app.lifespan import Services
from tests import factors_at_hand
from tests.addresses import unused_address
from tests.api_key_factories import make_api_key
from tests.domain.exports.archives import export_ready
from tests.factories import bearer, make_user, open_session
from tests.security.operations import Operation, resolved
from tests.security.rules import Place, Role
from tests.team_factories import caller_for, make_project, make_tag, make_team, make_todo

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass
class Question:
    """One request: who asks, for what, and what it takes to ask for the same thing where there is none."""

    headers: dict[str, str]
    ids: dict[str, str]
    body: Any

    def path(self, operation: Operation) -> str:
        """The operation's path with these ids."""
        return operation.path.format_map(self.ids)


class Cast:
    """Everybody, and their things."""

    def __init__(self, services: Services, administrator: Caller) -> None:
        self._services = services
        self._database = services.database
        self._administrator = administrator

    async def question(self, operation: Operation, role: Role, place: Place) -> Question:
        """What `role` asks of the operation on something of `place`. Raises LookupError for an unknown thing."""
        user = await self._person(role)
        proof = await PREPARED[operation.id](self._services, user) if operation.id in PREPARED else {}
        things = await self._things(operation, user, role, place)
        ids = {name: await things.made(name) for name in operation.names}
        body = await self._body(operation, things)
        return Question(await self._headers(user, role), ids, body if body is None else body | proof)

    async def _person(self, role: Role) -> User:
        roles = ("admin",) if role is Role.ADMINISTRATOR else ()
        return await make_user(self._database, name=f"The {role}", roles=roles)

    async def _headers(self, user: User, role: Role) -> dict[str, str]:
        if role is Role.ANONYMOUS:
            return {}
        headers = bearer(await open_session(self._database, self._services.authority, user))
        if role is Role.LOGGED_OUT:
            caller = await self._services.gate.caller(headers["Authorization"].removeprefix("Bearer "))
            await commands.log_out(self._database, caller)
        if role is Role.DEACTIVATED:
            change = AccessChange(is_active=False)
            await administration.change_access(self._database, self._administrator, user.id, change)
        return headers

    async def _things(self, operation: Operation, user: User, role: Role, place: Place) -> "Things":
        if place is Place.OWN:
            caller = await caller_for(self._database, user)
            return Things(self._services, operation, caller, None, user)
        owner = await make_user(self._database, name="The owner of it all")
        caller = await caller_for(self._database, owner)
        team = await make_team(self._database, caller)
        teammate = await make_user(self._database, name="A teammate")
        newcomers = [(teammate, policy.Role.MEMBER)]
        if place is Place.TEAM and role in {Role.VIEWER, Role.MEMBER, Role.ADMIN, Role.OWNER}:
            newcomers.append((user, policy.Role(role)))
        for person, part in newcomers:
            await team_commands.add_member(self._database, caller, team.id, email=person.email, role=part)
        return Things(self._services, operation, await caller_for(self._database, owner), team, teammate)

    async def _body(self, operation: Operation, things: "Things") -> Any:
        if operation.example is None:
            return None
        body: Any = json.loads(json.dumps(operation.example))
        properties = resolved(operation.schema, operation.version).get("properties", {})
        if not isinstance(body, dict):
            return body
        # Where a body may say so, it is about the place.
        place = next((name for name in ("team_id", "project_id") if name in properties), None)
        for name in properties:
            if name in VALUES and (name in body or name == place):
                body[name] = str(await VALUES[name](things))
        return await BODIES[operation.id](things) if operation.id in BODIES else body


class Things:
    """What exists at one place: made when a path or a body needs it, and in the state that the operation needs."""

    def __init__(
        self, services: Services, operation: Operation, caller: Caller, team: Team | None, person: User
    ) -> None:
        self.services = services
        self.database = services.database
        self.operation = operation
        # Somebody who may do everything there; the team, unless it is the caller's own; whose account it is about.
        self.caller = caller
        self.team = team
        self.person = person
        self.team_id = caller.personal_team_id if team is None else team.id
        self._made: dict[str, str] = {}

    async def made(self, name: str) -> str:
        """The id of the one thing that a path parameter of this name stands for."""
        if name not in self._made:
            if name not in MAKERS:
                raise LookupError(f"say in tests/security/cast.py how to make what {{{name}}} stands for")
            self._made[name] = str(await MAKERS[name](self))
        return self._made[name]

    @property
    def is_trashed(self) -> bool:
        """True if the operation takes things out of the trash."""
        return self.operation.path.endswith("/restore")


async def _todo(things: Things) -> UUID:
    todo = await make_todo(things.database, things.caller, team=things.team, title=SECRET)
    if things.is_trashed:
        await todo_commands.delete(things.database, things.caller, todo.id)
    return todo.id


async def _project(things: Things) -> UUID:
    project = await make_project(things.database, things.caller, team=things.team, name=SECRET)
    if things.is_trashed:
        await project_commands.delete(things.database, things.caller, project.id)
    return project.id


async def _tag(things: Things) -> UUID:
    return (await make_tag(things.database, things.caller, uuid4().hex, team=things.team)).id


async def _team(things: Things) -> UUID:
    return things.team_id


async def _user(things: Things) -> UUID:
    if things.operation.id == "reset_user_mfa":
        await factors_at_hand.enrol(things.services, things.person, Method.MAIL)
    return things.person.id


async def _session(things: Things) -> UUID:
    tokens = await open_session(things.database, things.services.authority, things.person)
    return things.services.authority.access_tokens.verify(tokens.access_token).session_id


async def _api_key(things: Things) -> UUID:
    return (await make_api_key(things.database, things.person)).api_key.id


async def _block(things: Things) -> UUID:
    block = await block_commands.block_offender(things.database, unused_address(), signals=["trap"], score=5.0)
    return block.id if block is not None else uuid4()


async def _address(_things: Things) -> str:
    return unused_address()


async def _refresh_token(things: Things) -> str:
    return (await open_session(things.database, things.services.authority, things.person)).refresh_token


async def _method(_things: Things) -> str:
    return "mail"


async def _newcomer(things: Things) -> str:
    """The address of somebody who is in no team, or of nobody yet."""
    if things.operation.id == "register":
        return f"{uuid4().hex}@example.com"
    if things.operation.id == "log_in":
        return things.person.email
    return (await make_user(things.database, name="A newcomer")).email


async def _batch(things: Things) -> Any:
    return {"operations": [{"op": "update", "id": await things.made("todo_id"), "data": {"title": "Changed"}}]}


async def _bulk(things: Things) -> Any:
    return {"operation": "update", "todo_ids": [await things.made("todo_id")], "data": {"title": "Changed"}}


async def _slug(_things: Things) -> str:
    return f"household-{uuid4().hex[:12]}"


async def _name(_things: Things) -> str:
    return f"Name {uuid4().hex[:12]}"


def _factor(method: Method) -> "Prepare":
    """The caller has a second factor, and could be sent a code at once."""

    async def prepare(services: Services, user: User) -> dict[str, Any]:
        await factors_at_hand.enrol(services, user, method)
        await factors_at_hand.forget_sendings(services)
        return {}

    return prepare


async def _pending_factor(services: Services, user: User) -> dict[str, Any]:
    return {"code": await factors_at_hand.begin(services, user, Method.MAIL)}


async def _no_sendings(services: Services, _user: User) -> dict[str, Any]:
    await factors_at_hand.forget_sendings(services)
    return {}


async def _second_step(services: Services, user: User) -> dict[str, Any]:
    codes = await factors_at_hand.enrol(services, user, Method.MAIL)
    await factors_at_hand.forget_sendings(services)
    challenge = await factors_at_hand.challenge(services, user, f"python-httpx/{httpx.__version__}")
    return {"challenge": challenge, "method": "recovery_code", "code": codes[0]}


async def _first_step(services: Services, user: User) -> dict[str, Any]:
    return {"challenge": (await _second_step(services, user))["challenge"], "method": "mail"}


Prepare = Callable[[Services, User], Awaitable[dict[str, Any]]]
# What the caller needs to be served, by the id of the operation; it returns members of the body.
PREPARED: dict[str, Prepare] = {
    "begin_sms": _no_sendings,
    "begin_mail": _no_sendings,
    "confirm_factor": _pending_factor,
    "send_my_code": _factor(Method.MAIL),
    "make_recovery_codes": _factor(Method.MAIL),
    "remove_totp": _factor(Method.TOTP),
    "remove_sms": _factor(Method.SMS),
    "remove_mail": _factor(Method.MAIL),
    "verify_mfa": _second_step,
    "send_mfa_code": _first_step,
}
# In the title of what a caller may not see.
SECRET = "Nobody else's business"
# What the path parameters stand for.
MAKERS: dict[str, Callable[[Things], Awaitable[object]]] = {
    "todo_id": _todo,
    "project_id": _project,
    "tag_id": _tag,
    "team_id": _team,
    "user_id": _user,
    "session_id": _session,
    "api_key_id": _api_key,
    "block_id": _block,
    "export_id": lambda things: export_ready(things.services, things.person),
    "method": _method,
}
# Members of bodies whose example is good for nothing, since it must be something that exists, or that does not.
VALUES: dict[str, Callable[[Things], Awaitable[object]]] = {
    "team_id": lambda things: things.made("team_id"),
    "project_id": lambda things: things.made("project_id"),
    "into": _tag,
    "email": _newcomer,
    "refresh_token": _refresh_token,
    "slug": _slug,
    "address": _address,
    "name": _name,
}
# Whole bodies, by the id of the operation: where the example acts on nothing of anybody's.
BODIES: dict[str, Callable[[Things], Awaitable[object]]] = {
    "batch_todos": _batch,
    "bulk_process_todos": _bulk,
}
