"""The shapes of your account and sessions, and of other users with theirs, in version 2."""

import datetime as dt
from typing import Annotated, Literal, NotRequired
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from app.api.fields import (
    EXAMPLE_ID,
    EXAMPLE_MOMENT,
    CommaSeparated,
    FreeText,
    RequestBody,
    SearchText,
    described,
)
from app.api.pages import PageInfo, PageQuery
from app.api.sparse import SparseQuery
from app.api.v1.auth_schemas import Account, UserFields
from app.api.v1.user_schemas import UserLinks as PlainLinks
from app.api.v2.api_key_schemas import ApiKeyFields, ScopeName
from app.domain.identity.devices import LABEL_MAXIMUM


class UserListQuery(PageQuery, SparseQuery):
    """Which users to list."""

    is_active: bool | None = Field(None, description="Only those who may come in, or who may not.", examples=[True])
    q: SearchText | None = Field(
        None, description="Only those whose address or name begins with this, whatever its case.", examples=["ann"]
    )


class UserQuery(SparseQuery):
    """How much of a user to show."""

    expand: Annotated[list[Literal["counts"]], CommaSeparated, Field(max_length=1)] = Field(
        [], description="`counts` adds how many sessions and API keys live.", examples=[["counts"]]
    )


class UserLinks(PlainLinks):
    """Where to go from here."""

    sessions: NotRequired[
        Annotated[str, described("Their sessions, for administrators.", f"/api/v2/users/{EXAMPLE_ID}/sessions")]
    ]
    api_keys: NotRequired[
        Annotated[str, described("Their API keys, for administrators.", f"/api/v2/users/{EXAMPLE_ID}/api-keys")]
    ]


class User(UserFields):
    """A user of the service."""

    links: Annotated[UserLinks, described("Related resources.", {"self": f"/api/v2/users/{EXAMPLE_ID}"})]


class UserDetails(User):
    """A user of the service, perhaps with how many sessions and API keys they have."""

    session_count: NotRequired[Annotated[int, described("Live sessions, if they were asked for.", 2)]]
    api_key_count: NotRequired[Annotated[int, described("Live API keys, if they were asked for.", 1)]]


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


class SessionFields(TypedDict):
    """What everybody who may see a session sees of it."""

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


class Session(SessionFields):
    """A login of yours that still lives."""

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


class ApiKeyShownLinks(TypedDict):
    """Where to go from here."""

    self: Annotated[str, described("The key, for its user when logged in.", f"/api/v2/me/api-keys/{EXAMPLE_ID}")]


class ApiKeyShown(TypedDict):
    """The API key that a request shows."""

    id: Annotated[UUID, described("The key's.", EXAMPLE_ID)]
    scopes: Annotated[list[ScopeName], described("What it may do.", ["me:read"])]
    links: Annotated[ApiKeyShownLinks, described("The key.", {"self": f"/api/v2/me/api-keys/{EXAMPLE_ID}"})]


class OwnAccount(Account):
    """Your own account."""

    api_key: NotRequired[Annotated[ApiKeyShown, described("The API key that you show, if you do.")]]


class UserApiKeyLinks(TypedDict):
    """Where to go from here."""

    revoke: Annotated[
        str, described("DELETE this to end the key.", f"/api/v2/users/{EXAMPLE_ID}/api-keys/{EXAMPLE_ID}")
    ]


class UserApiKey(ApiKeyFields):
    """An API key of a user."""

    links: Annotated[
        UserApiKeyLinks,
        described("What you can do with it.", {"revoke": f"/api/v2/users/{EXAMPLE_ID}/api-keys/{EXAMPLE_ID}"}),
    ]


class UserApiKeyPage(TypedDict):
    """One page of a user's API keys."""

    items: Annotated[list[UserApiKey], Field(description="The keys, newest first.")]
    page: Annotated[PageInfo, Field(description="How to go on.")]


class UserSessionLinks(TypedDict):
    """Where to go from here."""

    revoke: Annotated[
        str, described("DELETE this to end the session.", f"/api/v2/users/{EXAMPLE_ID}/sessions/{EXAMPLE_ID}")
    ]


class UserSession(SessionFields):
    """A login of somebody that still lives."""

    links: Annotated[
        UserSessionLinks,
        described("What you can do with it.", {"revoke": f"/api/v2/users/{EXAMPLE_ID}/sessions/{EXAMPLE_ID}"}),
    ]


class UserSessionPage(TypedDict):
    """One page of a user's sessions."""

    items: Annotated[list[UserSession], Field(description="The sessions, newest first.")]
    page: Annotated[PageInfo, Field(description="How to go on.")]
