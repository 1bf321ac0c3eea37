"""What callers may not do, as answers: those go into the audit log before they are sent."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from app.api.problems import problem_response
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.errors import NotAllowed
from app.domain.users.caller import Caller
from app.lifespan import services_of

_LONGEST_IDENTITY = 64


async def answer(request: Request, error: Exception) -> Response:
    """The response for any error that a handler may raise, also as an exception handler of the framework."""
    await record(request.scope, error)
    return problem_response(request.scope, error)


async def record(scope: Scope, *errors: Exception | None) -> None:
    """Stores who wanted to do what to which thing, if one of the errors says that they may not: once for the request.

    One unit of work for the refusals, nothing at all without any.
    """
    refused = [error for error in errors if isinstance(error, NotAllowed)]
    if not refused:
        return
    caller: Caller | None = scope.get("caller")
    operation = f"{scope['method']} {scope.get('route_template', scope['path'])}"
    await audit.record_refusal(
        services_of(scope).database,
        Action.ACCESS_REFUSED,
        actor=None if caller is None else caller.user_id,
        subject=_subject(scope),
        changed={
            "operation": (None, operation),
            "reason": (None, refused[0].code),
            **({"parts": (None, len(refused))} if len(refused) > 1 else {}),
        },
    )


def _subject(scope: Scope) -> Subject | None:
    """What the path names last: `member` for `/teams/{team_id}/members/{member_id}`.

    None for what can be no name of anything: who is refused is so before anybody has looked at the path.
    """
    named: dict[str, str] = scope.get("path_params") or {}
    if not named:
        return None
    name, identity = list(named.items())[-1]
    if len(identity) > _LONGEST_IDENTITY or not identity.isprintable():
        return None
    return Subject(name.removesuffix("_id"), identity)
