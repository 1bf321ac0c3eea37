"""The list of tags in version 2. One tag at a time is the same in all versions."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.dependencies import CurrentCaller, IfNoneMatch, Prefer, ServicesHere
from app.api.kept import kept, tags_seen
from app.api.links import VERSION_2
from app.api.pages import cursor_scope, page_request, page_response, wants_total
from app.api.routing import ApiRoute
from app.api.sparse import sparse
from app.api.v1.tag_documents import TAG_MEMBERS, tag_document
from app.api.v2 import tag_schemas as wire
from app.domain.ids import TeamId
from app.domain.pages import parse_sort
from app.domain.tags import queries
from app.domain.tags.tag import SORTS, TagList

router = APIRouter(prefix="/tags", tags=["tags"], route_class=ApiRoute)


@router.get("", response_model=wire.TagPage, summary="List tags")
@kept("tags", tags_seen)
async def list_tags(
    request: Request,
    query: Annotated[wire.TagListQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Shows the tags of all your teams by name; teams that use the same name have a tag each.

    With `expand=todo_count` each says how many todos carry it.
    """
    render = sparse(partial(tag_document, root=VERSION_2), query.fields, TAG_MEMBERS)
    scope = cursor_scope("tags", query)
    wanted = page_request(request, query, scope, str)
    team_id = None if query.team_id is None else TeamId(query.team_id)
    page = await queries.page(
        services.database.reader,
        TagList(caller.user_id, team_id, parse_sort(query.sort, allowed=SORTS)),
        wanted,
        with_counts=bool(query.expand),
        with_total=wants_total(prefer),
    )
    return page_response(request, page, render, limit=query.limit, scope=scope)
