"""What handlers ask for by type: the caller, the services, and the conditional headers."""

from typing import Annotated

from fastapi import Depends, Header
from starlette.requests import Request

from app.api.conditional import ENTITY_TAGS
from app.domain.users.caller import Caller
from app.lifespan import Services, services_of


def _caller(request: Request) -> Caller:
    caller: Caller = request.scope["caller"]
    return caller


def _services(request: Request) -> Services:
    return services_of(request.scope)


CurrentCaller = Annotated[Caller, Depends(_caller)]
ServicesHere = Annotated[Services, Depends(_services)]
IfMatch = Annotated[
    str | None,
    Header(
        description="Take effect only if the resource still has one of these entity tags.",
        examples=['"3-member"'],
        pattern=ENTITY_TAGS,
    ),
]
IfNoneMatch = Annotated[
    str | None,
    Header(
        description="Answer 304 without a body if the resource still has one of these entity tags.",
        examples=['"3-member"'],
        pattern=ENTITY_TAGS,
    ),
]
Prefer = Annotated[
    str | None,
    Header(description="`return=total-count` adds `page.total` (RFC 7240).", examples=["return=total-count"]),
]
