"""The shapes of your own account and of other users in version 1, and what both versions take to change them."""

from typing import Annotated, NotRequired

from msgspec import UNSET
from pydantic import Field
from typing_extensions import TypedDict

from app.api.fields import EXAMPLE_ID, RequestBody, SearchText, described
from app.api.numbered_pages import NumberedPageInfo, NumberedPageQuery
from app.api.v1.auth_schemas import Locale, RoleName, Timezone, UserFields, UserName
from app.domain.identity.administration import AccessChange
from app.domain.users.user import ProfileChange

_UNCHANGED = "As in the resource; left out, it stays."


class AccountPatch(RequestBody):
    """A merge patch: what is left out stays."""

    name: UserName = Field("", validate_default=False, description=_UNCHANGED, examples=["Ann Example"])
    timezone: Timezone = Field("", validate_default=False, description=_UNCHANGED, examples=["Europe/Zurich"])
    locale: Locale = Field("", validate_default=False, description=_UNCHANGED, examples=["de-CH"])


class AccessPatch(RequestBody):
    """A merge patch: what is left out stays."""

    is_active: bool = Field(True, description="Whether they may come in; false ends their sessions.", examples=[False])
    roles: Annotated[list[RoleName], Field(max_length=10)] = Field(
        [], description="Their roles in the whole service, all of them.", examples=[["admin"]]
    )


class UserLinks(TypedDict):
    """Where to go from here."""

    self: Annotated[str, described("This user.", f"/api/v2/users/{EXAMPLE_ID}")]
    me: NotRequired[Annotated[str, described("Your own account, if this is you.", "/api/v2/me")]]


class User(UserFields):
    """A user of the service."""

    links: Annotated[UserLinks, described("Related resources.", {"self": f"/api/v2/users/{EXAMPLE_ID}"})]


class UserListQuery(NumberedPageQuery):
    """Which users to list in version 1."""

    is_active: bool | None = Field(None, description="Only those who may come in, or who may not.", examples=[True])
    q: SearchText | None = Field(
        None, description="Only those whose address or name begins with this, whatever its case.", examples=["ann"]
    )


class UserPage(NumberedPageInfo):
    """One page of users in version 1."""

    items: Annotated[list[User], Field(description="The users, newest first.")]


def profile_change_of(body: AccountPatch) -> ProfileChange:
    """The change of a merge patch: only the members that it has."""
    return ProfileChange(**{name: getattr(body, name) for name in body.model_fields_set})


def access_change_of(body: AccessPatch) -> AccessChange:
    """The change of a merge patch: only the members that it has."""
    given = body.model_fields_set
    return AccessChange(
        is_active=body.is_active if "is_active" in given else UNSET,
        roles=list(body.roles) if "roles" in given else UNSET,
    )
