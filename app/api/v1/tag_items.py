"""One tag at a time: the same in all versions. Their lists differ."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response

from app.api.conditional import entity_tag, expected_versions
from app.api.dependencies import CurrentCaller, IfMatch, IfNoneMatch, ServicesHere
from app.api.kept import kept, tags_seen
from app.api.links import VersionRoot
from app.api.responses import created, document, listing, no_content, resource
from app.api.routing import ApiRoute
from app.api.sparse import sparse
from app.api.v1 import tag_schemas as wire
from app.api.v1.tag_documents import TAG_MEMBERS, tag_document
from app.domain.ids import TeamId
from app.domain.tags import commands, queries
from app.domain.tags.tag import Tag, TagChanges, TagDraft, TagId

router = APIRouter(prefix="/tags", tags=["tags"], route_class=ApiRoute)


@router.post("", status_code=201, response_model=wire.Tag, summary="Create a tag")
async def create_tag(
    body: wire.TagCreate, caller: CurrentCaller, services: ServicesHere, root: VersionRoot
) -> Response:
    """Stores a new tag in the given team, or in your personal one.

    A name that the team has already, in whatever case, is a 409 (`TAG_EXISTS`). Todos make missing tags by themselves.
    """
    team_id = None if body.team_id is None else TeamId(body.team_id)
    draft = TagDraft(name=body.name, color=body.color, team_id=team_id)
    tag = await commands.create(services.database, caller, draft)
    shown = tag_document(tag, root)
    return created(shown, location=shown["links"]["self"], etag=entity_tag(tag.version, tag.role))


@router.get("/{tag_id}", response_model=wire.Tag, summary="Get a tag")
@kept("tags", tags_seen, is_list=False)
async def get_tag(
    request: Request,
    tag_id: UUID,
    query: Annotated[wire.TagQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    root: VersionRoot,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `resource`
) -> Response:
    """Shows one tag. With `fields` or `expand` the `ETag` is weak; the strong one is that of the plain tag."""
    render = sparse(partial(tag_document, root=root), query.fields, TAG_MEMBERS)
    tag = await queries.get(services.database.reader, caller, TagId(tag_id), with_count=bool(query.expand))
    if query.fields or query.expand:
        return listing(request, render(tag))
    return resource(request, render(tag), etag=entity_tag(tag.version, tag.role))


@router.patch("/{tag_id}", response_model=wire.Tag, summary="Change a tag")
async def update_tag(
    tag_id: UUID,
    body: wire.TagPatch,
    caller: CurrentCaller,
    services: ServicesHere,
    root: VersionRoot,
    if_match: IfMatch = None,
) -> Response:
    """Applies a JSON Merge Patch (RFC 7396). A new name replaces the old one in all todos of the team, at once.

    A name that another tag of the team has is a 409 (`TAG_EXISTS`): merge the two instead.
    """
    given = body.model_fields_set
    changes = TagChanges(
        name=body.name if "name" in given else UNSET,
        color=body.color if "color" in given else UNSET,
    )
    expected = expected_versions(if_match)
    tag = await commands.update(services.database, caller, TagId(tag_id), changes, expected=expected)
    return _shown(tag, root)


@router.delete("/{tag_id}", status_code=204, summary="Delete a tag")
async def delete_tag(tag_id: UUID, caller: CurrentCaller, services: ServicesHere, if_match: IfMatch = None) -> Response:
    """Deletes the tag for good and takes it off all todos of the team; the todos stay."""
    await commands.delete(services.database, caller, TagId(tag_id), expected=expected_versions(if_match))
    return no_content()


@router.post("/{tag_id}/merge", response_model=wire.Tag, summary="Merge a tag into another")
async def merge_tag(
    tag_id: UUID,
    body: wire.TagMerge,
    caller: CurrentCaller,
    services: ServicesHere,
    root: VersionRoot,
    if_match: IfMatch = None,
) -> Response:
    """Gives all todos with this tag the other one instead, once each, and deletes this one. Shows the one that stays.

    `If-Match` is about the tag that goes.
    """
    expected = expected_versions(if_match)
    tag = await commands.merge(services.database, caller, TagId(tag_id), into=TagId(body.into), expected=expected)
    return _shown(tag, root)


def _shown(tag: Tag, root: str) -> Response:
    return document(tag_document(tag, root), headers={"ETag": entity_tag(tag.version, tag.role)})
