"""The list of users in version 1, for administrators."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.dependencies import CurrentCaller, IfNoneMatch, ServicesHere
from app.api.links import VERSION_1
from app.api.numbered_pages import numbered_page_response
from app.api.routing import ApiRoute
from app.api.v1 import user_schemas as wire
from app.api.v1.user_documents import user_document
from app.domain.users import queries
from app.domain.users.repository import UserFilter

router = APIRouter(prefix="/users", tags=["users"], route_class=ApiRoute)


@router.get("", response_model=wire.UserPage, summary="List users")
async def list_users(
    request: Request,
    query: Annotated[wire.UserListQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Shows all users, newest first, or those that the filters let through. For administrators; 403 for others."""
    page = await queries.numbered(
        services.database.reader,
        caller,
        number=query.page,
        size=query.page_size,
        filters=UserFilter(is_active=query.is_active, q=query.q),
    )
    return numbered_page_response(request, page, partial(user_document, caller=caller, root=VERSION_1))
