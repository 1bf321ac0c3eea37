"""The shapes of API keys: what programs show instead of a session's token."""

import datetime as dt
from typing import Annotated
from uuid import UUID

from pydantic import Field, TypeAdapter, WithJsonSchema
from typing_extensions import TypedDict

from app.api.fields import EXAMPLE_ID, EXAMPLE_MOMENT, FreeText, RequestBody, WholeNumber, described
from app.api.pages import PageInfo
from app.domain.identity.api_key import DAYS_DEFAULT, DAYS_MAXIMUM, NAME_MAXIMUM
from app.domain.identity.permissions import GRANTABLE

# Its checksum is wrong, so that nobody who looks for leaked keys takes it for one.
EXAMPLE_TOKEN = "todo_pat_J9BdxrXW8i2f3lAV7CL8MurqklLWrFOgfbLTHBsS7kN000000"  # noqa: S105 - as it says
SCOPES = sorted(GRANTABLE)

# Documented here and enforced by the domain: it tells all faults at once, and how to mend each.
KeyName = Annotated[str, WithJsonSchema(TypeAdapter(Annotated[str, FreeText(1, NAME_MAXIMUM)]).json_schema())]
ScopeName = Annotated[str, Field(json_schema_extra={"enum": SCOPES})]
Scopes = Annotated[list[ScopeName], Field(max_length=100, json_schema_extra={"minItems": 1})]

_name = described("What it is for, 1 to 100 characters after trimming.", "Nightly report")
_scopes = described("What it may do, as far as its user may at that moment.", ["todos:read", "projects:read"])


class ApiKeyCreate(RequestBody):
    """A key to be made."""

    name: KeyName = _name
    scopes: Scopes = _scopes
    expires_in_days: Annotated[int, Field(ge=1, le=DAYS_MAXIMUM), WholeNumber] = Field(
        DAYS_DEFAULT, description="For how many days it is good. There are no keys without an end.", examples=[30]
    )


class ApiKeyLinks(TypedDict):
    """Where to go from here."""

    self: Annotated[str, described("This key; DELETE revokes it.", f"/api/v2/me/api-keys/{EXAMPLE_ID}")]
    rotate: Annotated[str, described("POST to replace it.", f"/api/v2/me/api-keys/{EXAMPLE_ID}/rotate")]


class ApiKeyFields(TypedDict):
    """What everybody who may see a key sees of it."""

    id: Annotated[UUID, described("Never changes. It is in the log of the service.", EXAMPLE_ID)]
    name: Annotated[str, _name]
    scopes: Annotated[list[ScopeName], _scopes]
    created_at: Annotated[dt.datetime, described("When it was made.", EXAMPLE_MOMENT)]
    expires_at: Annotated[dt.datetime, described("When it ends, used or not.", EXAMPLE_MOMENT)]
    last_used_at: Annotated[
        dt.datetime | None, described("When it was last used, to a minute or so; null if never.", None)
    ]
    last_used_address: Annotated[str | None, described("The network address that used it then.", None)]


class ApiKey(ApiKeyFields):
    """A key that still lives. Its text is not stored, and so cannot be shown."""

    links: Annotated[ApiKeyLinks, described("What you can do with it.", {"self": f"/api/v2/me/api-keys/{EXAMPLE_ID}"})]


class IssuedApiKey(ApiKey):
    """A key that was made just now."""

    token: Annotated[
        str, described("The key itself, shown this once. Send it as `Authorization: Bearer …`.", EXAMPLE_TOKEN)
    ]


class ApiKeyPage(TypedDict):
    """One page of keys."""

    items: Annotated[list[ApiKey], Field(description="The keys, newest first.")]
    page: Annotated[PageInfo, Field(description="How to go on.")]
