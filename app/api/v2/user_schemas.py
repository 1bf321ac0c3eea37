"""The shapes of your sessions and of the list of users in version 2. A user is the same in all versions."""

import datetime as dt
from typing import Annotated
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from app.api.fields import EXAMPLE_ID, EXAMPLE_MOMENT, FreeText, RequestBody, SearchText, described
from app.api.pages import PageInfo, PageQuery
from app.api.sparse import SparseQuery
from app.api.v1.user_schemas import User
from app.domain.identity.devices import LABEL_MAXIMUM


class UserListQuery(PageQuery, SparseQuery):
    """Which users to list."""

    is_active: bool | None = Field(None, description="Only those who may come in, or who may not.", examples=[True])
    q: SearchText | None = Field(
        None, description="Only those whose address or name begins with this, whatever its case.", examples=["ann"]
    )


class UserPage(TypedDict):
    """One page of users."""

    items: Annotated[list[User], Field(description="The users, newest first.")]
    page: Annotated[PageInfo, Field(description="How to go on.")]


class SessionPatch(RequestBody):
    """A merge patch: what is left out stays."""

    label: Annotated[str, FreeText(1, LABEL_MAXIMUM)] | None = Field(
        None,
        description="What you call the device; null goes back to what its program is called.",
        examples=["My phone"],
    )


class SessionLinks(TypedDict):
    """Where to go from here."""

    revoke: Annotated[str, described("DELETE this to end the session.", f"/api/v2/me/sessions/{EXAMPLE_ID}")]
    rename: Annotated[str, described("PATCH this to name the device.", f"/api/v2/me/sessions/{EXAMPLE_ID}")]


class Session(TypedDict):
    """A login that still lives."""

    id: Annotated[UUID, described("Never changes.", EXAMPLE_ID)]
    is_current: Annotated[bool, described("Whether it is the one that asks.", True)]
    label: Annotated[
        str, described("What you call the device, or else what its program is called.", "Firefox on Linux")
    ]
    user_agent: Annotated[str, described("What the program called itself at login.", "curl/8.12")]
    address: Annotated[str, described("The network address at login.", "203.0.113.7")]
    created_at: Annotated[dt.datetime, described("When somebody logged in.", EXAMPLE_MOMENT)]
    last_seen_at: Annotated[dt.datetime, described("When it was last refreshed.", EXAMPLE_MOMENT)]
    idle_expires_at: Annotated[dt.datetime, described("When it ends unless it is refreshed.", EXAMPLE_MOMENT)]
    expires_at: Annotated[dt.datetime, described("When it ends in any case.", EXAMPLE_MOMENT)]
    links: Annotated[
        SessionLinks,
        described(
            "What you can do with it.",
            {"revoke": f"/api/v2/me/sessions/{EXAMPLE_ID}", "rename": f"/api/v2/me/sessions/{EXAMPLE_ID}"},
        ),
    ]


class SessionPage(TypedDict):
    """One page of sessions."""

    items: Annotated[list[Session], Field(description="The sessions, newest first.")]
    page: Annotated[PageInfo, Field(description="How to go on.")]
