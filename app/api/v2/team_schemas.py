"""The shapes of teams and memberships in version 2: what clients send, and what they get."""

import datetime as dt
from typing import Annotated, Literal, NotRequired
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from app.api.fields import EXAMPLE_ID, EXAMPLE_MOMENT, FreeText, RequestBody, described
from app.api.pages import PageInfo, PageQuery
from app.api.sparse import SparseQuery
from app.domain.teams.team import NAME_MAXIMUM, SLUG, SLUG_MAXIMUM

RoleName = Literal["owner", "admin", "member", "viewer"]
TeamName = Annotated[str, FreeText(1, NAME_MAXIMUM)]
Slug = Annotated[str, Field(min_length=1, max_length=SLUG_MAXIMUM, pattern=SLUG)]
EmailAddress = Annotated[str, Field(min_length=3, max_length=254)]

_name = described("What people call the team, 1 to 100 characters after trimming.", "Household")
_slug = described("Short name for addresses, unique among all teams: a-z, 0-9 and single hyphens.", "household")
_role = described("owner, admin, member (reads and writes) or viewer (reads).", "member")


class TeamCreate(RequestBody):
    """A new shared team, which you will own."""

    name: TeamName = _name
    slug: Slug | None = Field(None, description="As in the resource; left out, one is made.", examples=["household"])


class TeamPatch(RequestBody):
    """A merge patch: what is left out stays."""

    name: TeamName = Field("", validate_default=False, description=_name.description, examples=["Our household"])
    slug: Slug = Field("", validate_default=False, description=_slug.description, examples=["our-household"])


class MemberCreate(RequestBody):
    """Whom to take into the team."""

    email: EmailAddress = described("The address of an active account.", "grace@example.com")
    role: RoleName = Field("member", description=_role.description, examples=["viewer"])


class MemberPatch(RequestBody):
    """A merge patch: what is left out stays."""

    role: RoleName = Field("member", description=_role.description, examples=["admin"])


class TeamListQuery(PageQuery, SparseQuery):
    """How to page through teams or members."""


class TeamLinks(TypedDict):
    """Where to go from here; an action is listed while it is allowed."""

    self: Annotated[str, described("This team.", f"/api/v2/teams/{EXAMPLE_ID}")]
    members: Annotated[str, described("Who belongs to it.", f"/api/v2/teams/{EXAMPLE_ID}/members")]
    projects: Annotated[str, described("Its projects.", f"/api/v2/projects?team_id={EXAMPLE_ID}")]
    todos: Annotated[str, described("Its todos.", f"/api/v2/todos?team_id={EXAMPLE_ID}")]
    tags: Annotated[str, described("Its tags.", f"/api/v2/tags?team_id={EXAMPLE_ID}")]
    leave: NotRequired[Annotated[str, described("POST here to leave it.", f"/api/v2/teams/{EXAMPLE_ID}/leave")]]


class Team(TypedDict):
    """A team that you belong to."""

    id: Annotated[UUID, described("Never changes.", EXAMPLE_ID)]
    name: Annotated[str, _name]
    slug: Annotated[str, _slug]
    is_personal: Annotated[bool, described("Whether it is one person's own team, which takes no others.", False)]
    role: Annotated[RoleName, described("What you are in it.", "owner")]
    version: Annotated[int, described("Rises by one with each change of name or slug.", 1)]
    created_at: Annotated[dt.datetime, described("When it was created.", EXAMPLE_MOMENT)]
    updated_at: Annotated[dt.datetime, described("When name or slug last changed.", EXAMPLE_MOMENT)]
    links: Annotated[
        TeamLinks, described("Related resources and the actions allowed now.", {"self": f"/api/v2/teams/{EXAMPLE_ID}"})
    ]


class TeamPage(TypedDict):
    """One page of teams."""

    items: Annotated[list[Team], Field(description="The teams, in the list's order.")]
    page: Annotated[PageInfo, Field(description="How to go on.")]


class MemberLinks(TypedDict):
    """Where to go from here."""

    self: Annotated[str, described("This membership.", f"/api/v2/teams/{EXAMPLE_ID}/members/{EXAMPLE_ID}")]
    team: Annotated[str, described("The team.", f"/api/v2/teams/{EXAMPLE_ID}")]
    assigned: Annotated[
        str, described("What they have to do.", f"/api/v2/todos?team_id={EXAMPLE_ID}&assignee_id={EXAMPLE_ID}")
    ]


class Member(TypedDict):
    """One person's place in a team."""

    user_id: Annotated[UUID, described("The person.", EXAMPLE_ID)]
    name: Annotated[str, described("What they call themselves.", "Grace Hopper")]
    email: Annotated[str, described("Their address.", "grace@example.com")]
    role: Annotated[RoleName, _role]
    joined_at: Annotated[dt.datetime, described("Since when they belong to the team.", EXAMPLE_MOMENT)]
    links: Annotated[
        MemberLinks, described("Related resources.", {"self": f"/api/v2/teams/{EXAMPLE_ID}/members/{EXAMPLE_ID}"})
    ]


class MemberPage(TypedDict):
    """One page of members."""

    items: Annotated[list[Member], Field(description="The members, in the list's order.")]
    page: Annotated[PageInfo, Field(description="How to go on.")]
