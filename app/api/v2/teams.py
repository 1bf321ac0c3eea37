"""Teams in version 2. Who belongs to them is in `team_members`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response

from app.api.conditional import entity_tag, expected_versions
from app.api.dependencies import CurrentCaller, IfMatch, IfNoneMatch, Prefer, ServicesHere
from app.api.kept import kept, teams_seen
from app.api.pages import cursor_scope, page_request, page_response, wants_total
from app.api.responses import created, document, listing, no_content, resource
from app.api.routing import ApiRoute
from app.api.sparse import SparseQuery, sparse
from app.api.v2 import team_schemas as wire
from app.api.v2.team_documents import TEAM_MEMBERS, team_document
from app.domain.ids import TeamId
from app.domain.teams import commands, queries
from app.domain.teams.team import TeamChange, TeamDraft

router = APIRouter(prefix="/teams", tags=["teams"], route_class=ApiRoute)


@router.get("", response_model=wire.TeamPage, summary="List your teams")
@kept("teams", teams_seen)
async def list_teams(
    request: Request,
    query: Annotated[wire.TeamListQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Shows the teams that you belong to, oldest first, each with your role. Your personal team is one of them."""
    render = sparse(team_document, query.fields, TEAM_MEMBERS)
    scope = cursor_scope("teams", query)
    wanted = page_request(request, query, scope, UUID)
    page = await queries.page(services.database.reader, caller, wanted, with_total=wants_total(prefer))
    return page_response(request, page, render, limit=query.limit, scope=scope)


@router.post("", status_code=201, response_model=wire.Team, summary="Create a team")
async def create_team(body: wire.TeamCreate, caller: CurrentCaller, services: ServicesHere) -> Response:
    """Makes a shared team with you as its owner; add others at its `members`.

    A slug that another team has is a 409 (`SLUG_TAKEN`); without one, the name and some random characters make one.
    """
    team = await commands.create(services.database, caller, TeamDraft(name=body.name, slug=body.slug))
    location = f"/api/v2/teams/{team.id}"
    return created(team_document(team), location=location, etag=entity_tag(team.version, team.role))


@router.get("/{team_id}", response_model=wire.Team, summary="Get a team")
@kept("teams", teams_seen, is_list=False)
async def get_team(
    request: Request,
    team_id: UUID,
    query: Annotated[SparseQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `resource`
) -> Response:
    """Shows one of your teams. The strong `ETag` holds your role, too: when that changes, so do the links."""
    render = sparse(team_document, query.fields, TEAM_MEMBERS)
    team = await queries.get(services.database.reader, caller, TeamId(team_id))
    if query.fields:
        return listing(request, render(team))
    return resource(request, render(team), etag=entity_tag(team.version, team.role))


@router.patch("/{team_id}", response_model=wire.Team, summary="Change a team")
async def update_team(
    team_id: UUID, body: wire.TeamPatch, caller: CurrentCaller, services: ServicesHere, if_match: IfMatch = None
) -> Response:
    """Applies a JSON Merge Patch (RFC 7396). For admins and owners; others get 403 (`ROLE_TOO_LOW`)."""
    given = body.model_fields_set
    change = TeamChange(
        name=body.name if "name" in given else UNSET,
        slug=body.slug if "slug" in given else UNSET,
    )
    expected = expected_versions(if_match)
    team = await commands.update(services.database, caller, TeamId(team_id), change, expected=expected)
    return document(team_document(team), headers={"ETag": entity_tag(team.version, team.role)})


@router.delete("/{team_id}", status_code=204, summary="Delete a team")
async def delete_team(
    team_id: UUID, caller: CurrentCaller, services: ServicesHere, if_match: IfMatch = None
) -> Response:
    """Erases an empty team for good, with its tags and its trash. For owners.

    While it has projects or todos outside the trash the answer is 409 (`TEAM_NOT_EMPTY`); a personal team cannot be
    deleted (`PERSONAL_TEAM`).
    """
    await commands.delete(services.database, caller, TeamId(team_id), expected=expected_versions(if_match))
    return no_content()


@router.post("/{team_id}/leave", status_code=204, summary="Leave a team")
async def leave_team(team_id: UUID, caller: CurrentCaller, services: ServicesHere) -> Response:
    """Ends your membership at once; what was assigned to you there is nobody's. The last owner cannot leave."""
    await commands.leave(services.database, caller, TeamId(team_id))
    return no_content()
