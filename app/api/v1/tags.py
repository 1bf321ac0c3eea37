"""The list of tags in version 1."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.dependencies import CurrentCaller, IfNoneMatch, ServicesHere
from app.api.kept import kept, tags_seen
from app.api.links import VERSION_1
from app.api.numbered_pages import numbered_page_response
from app.api.routing import ApiRoute
from app.api.v1 import tag_schemas as wire
from app.api.v1.tag_documents import tag_document
from app.domain.ids import TeamId
from app.domain.tags import queries
from app.domain.tags.tag import TagList

router = APIRouter(prefix="/tags", tags=["tags"], route_class=ApiRoute)


@router.get("", response_model=wire.TagPage, summary="List tags")
@kept("tags", tags_seen)
async def list_tags(
    request: Request,
    query: Annotated[wire.TagListQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Shows the tags of all your teams by name; teams that use the same name have a tag each."""
    team_id = None if query.team_id is None else TeamId(query.team_id)
    tags = TagList(caller.user_id, team_id)
    page = await queries.numbered(services.database.reader, tags, query.page, query.page_size)
    return numbered_page_response(request, page, partial(tag_document, root=VERSION_1))
