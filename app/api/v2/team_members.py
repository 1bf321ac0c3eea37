"""Who belongs to a team, in version 2. A membership has no version: its tags are weak, and it takes no If-Match."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response

from app.api.dependencies import CurrentCaller, IfNoneMatch, Prefer, ServicesHere
from app.api.kept import kept, teams_seen
from app.api.pages import cursor_scope, page_request, page_response, wants_total
from app.api.responses import created, document, listing, no_content
from app.api.routing import ApiRoute
from app.api.sparse import SparseQuery, sparse
from app.api.v2 import team_schemas as wire
from app.api.v2.team_documents import MEMBER_MEMBERS, member_document
from app.domain.ids import TeamId, UserId
from app.domain.teams import commands, queries
from app.domain.teams.policy import Role
from app.rate_limits.declarations import limiter

router = APIRouter(prefix="/teams/{team_id}/members", tags=["teams"], route_class=ApiRoute)


@router.get("", response_model=wire.MemberPage, summary="List a team's members")
@kept("teams", teams_seen)
async def list_team_members(
    request: Request,
    team_id: UUID,
    query: Annotated[wire.TeamListQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Shows who belongs to the team and as what, in the order in which they registered. Every member may look."""
    render = sparse(member_document, query.fields, MEMBER_MEMBERS)
    scope = cursor_scope(f"teams/{team_id}/members", query)
    wanted = page_request(request, query, scope, UUID)
    page = await queries.members(
        services.database.reader, caller, TeamId(team_id), wanted, with_total=wants_total(prefer)
    )
    return page_response(request, page, render, limit=query.limit, scope=scope)


@router.post("", status_code=201, response_model=wire.Member, summary="Add a member")
# The answer tells whether an address has an account: a hundred are enough for a team, and few of a list of addresses.
@limiter.limit("100/hour")
async def add_team_member(
    request: Request,  # noqa: ARG001 - slowapi's decorator asks for it
    team_id: UUID,
    body: wire.MemberCreate,
    caller: CurrentCaller,
    services: ServicesHere,
) -> Response:
    """Takes an existing account into the team, effective at once. You can add a hundred people an hour.

    An address without an active account is a 422 (`UNKNOWN_ACCOUNT`): its owner has to register first. Admins add
    members and viewers; owners add admins and owners, too. Somebody who is a member already is a 409
    (`ALREADY_MEMBER`), and so is any addition to a personal team (`PERSONAL_TEAM`).
    """
    member = await commands.add_member(
        services.database, caller, TeamId(team_id), email=body.email, role=Role(body.role)
    )
    return created(member_document(member), location=f"/api/v2/teams/{team_id}/members/{member.user_id}")


@router.get("/{user_id}", response_model=wire.Member, summary="Get a member")
@kept("teams", teams_seen, is_list=False)
async def get_team_member(
    request: Request,
    team_id: UUID,
    user_id: UUID,
    query: Annotated[SparseQuery, Query()],
    caller: CurrentCaller,
    services: ServicesHere,
    if_none_match: IfNoneMatch = None,  # noqa: ARG001 - documented here, read by `listing`
) -> Response:
    """Shows one person's place in the team, under a weak `ETag`."""
    render = sparse(member_document, query.fields, MEMBER_MEMBERS)
    member = await queries.member(services.database.reader, caller, TeamId(team_id), UserId(user_id))
    return listing(request, render(member))


@router.patch("/{user_id}", response_model=wire.Member, summary="Change a member's role")
async def update_team_member(
    team_id: UUID, user_id: UUID, body: wire.MemberPatch, caller: CurrentCaller, services: ServicesHere
) -> Response:
    """Gives a member another role, effective with their next request.

    Admins turn members into viewers and back; all else takes an owner. The last owner stays one (409, `LAST_OWNER`).
    """
    role = Role(body.role) if "role" in body.model_fields_set else UNSET
    member = await commands.change_role(services.database, caller, TeamId(team_id), UserId(user_id), role)
    return document(member_document(member))


@router.delete("/{user_id}", status_code=204, summary="Remove a member")
async def remove_team_member(team_id: UUID, user_id: UUID, caller: CurrentCaller, services: ServicesHere) -> Response:
    """Ends a membership at once; what was assigned to the member in this team is nobody's.

    Admins remove members and viewers, owners everybody, and everybody may remove themselves. The last owner stays
    (409, `LAST_OWNER`).
    """
    await commands.remove_member(services.database, caller, TeamId(team_id), UserId(user_id))
    return no_content()
