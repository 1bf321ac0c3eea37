"""The shapes of the audit log in version 2."""

import datetime as dt
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from app.api.fields import EXAMPLE_ID, EXAMPLE_MOMENT, Moment, described
from app.api.pages import PageInfo, PageQuery
from app.domain.audit.action import Action
from app.domain.audit.entry import Outcome

_KIND = "^[a-z-]{1,20}$"
_SUBJECT_ID = "^[A-Za-z0-9._:/-]{1,100}$"
_REQUEST_ID = "^[A-Za-z0-9_-]{8,64}$"

ActorKindShown = Literal["user", "token", "anonymous", "system", "operator"]
OutcomeShown = Literal["done", "refused"]


class AuditQuery(PageQuery):
    """Which entries to list; several conditions must all be met."""

    actor_id: UUID | None = Field(None, description="Only what this user did.", examples=[EXAMPLE_ID])
    action: Action | None = Field(None, description="Only this kind of event.", examples=["session.opened"])
    outcome: Outcome | None = Field(None, description="Only what was done, or what was refused.", examples=["refused"])
    subject_kind: Annotated[str, Field(pattern=_KIND)] | None = Field(
        None, description="Only what was done to things of this kind.", examples=["user"]
    )
    subject_id: Annotated[str, Field(pattern=_SUBJECT_ID)] | None = Field(
        None,
        description="Only what was done to the thing with this id; needs its kind beside it.",
        examples=[EXAMPLE_ID],
    )
    team_id: UUID | None = Field(None, description="Only what happened in this team.", examples=[EXAMPLE_ID])
    request_id: Annotated[str, Field(pattern=_REQUEST_ID)] | None = Field(
        None, description="Only what this request did.", examples=["0192f0c12b3c7d4e8f5a6b7c8d9e0f1a"]
    )
    since: Moment | None = Field(None, description="Only what happened then or later.")
    until: Moment | None = Field(None, description="Only what happened before.")


class Actor(TypedDict):
    """Who did it."""

    kind: Annotated[
        ActorKindShown,
        described("As whom: logged in, with an API key, as nobody known, or the service or its operator.", "user"),
    ]
    id: Annotated[UUID | None, described("The user's; null if there was none.", EXAMPLE_ID)]
    api_key_id: Annotated[UUID | None, described("The API key's; null without one.", None)]


class SubjectShown(TypedDict):
    """What it was done to."""

    kind: Annotated[str, described("What kind of thing.", "user")]
    id: Annotated[str, described("Its id.", EXAMPLE_ID)]


class FieldChange(TypedDict):
    """One field before and after. `changed` in both stands for what is a secret, or nobody else's business."""

    before: Annotated[Any, described("What it was; null if it was not there.", True)]
    after: Annotated[Any, described("What it is; null if it is gone.", False)]


Changed = dict[str, FieldChange]


class EntryFields(TypedDict):
    """What both lists show of an entry."""

    id: Annotated[UUID, described("Never changes.", EXAMPLE_ID)]
    at: Annotated[dt.datetime, described("When it was recorded.", EXAMPLE_MOMENT)]
    # No list of values: later releases know more actions, and the log has those of earlier ones.
    action: Annotated[str, described("What happened to what kind of thing.", "account.access_changed")]
    outcome: Annotated[OutcomeShown, described("Whether it was done, or refused.", "done")]
    subject: Annotated[
        SubjectShown | None, described("What it was done to, if to anything.", {"kind": "user", "id": EXAMPLE_ID})
    ]
    team_id: Annotated[UUID | None, described("The team that it happened in, if in one.", None)]
    request_id: Annotated[
        str | None, described("The request that did it, if one did.", "0192f0c12b3c7d4e8f5a6b7c8d9e0f1a")
    ]
    address: Annotated[str | None, described("Where the request came from.", "203.0.113.7")]
    changed: Annotated[Changed, described("What was changed.", {"is_active": {"before": True, "after": False}})]


class AuditEntry(EntryFields):
    """One entry of the audit log."""

    actor: Annotated[Actor, described("Who did it.", {"kind": "user", "id": EXAMPLE_ID, "api_key_id": None})]


class AuditPage(TypedDict):
    """One page of the audit log."""

    items: Annotated[list[AuditEntry], Field(description="The entries, newest first.")]
    page: Annotated[PageInfo, Field(description="How to go on.")]


class ActivityEntry(EntryFields):
    """Something that you did, or that was done to you."""

    actor_kind: Annotated[ActorKindShown, described("As whom somebody did it.", "user")]
    is_yours: Annotated[bool, described("Whether you did it. Where and who others are is not shown.", True)]


class ActivityPage(TypedDict):
    """One page of what you did, and of what was done to you."""

    items: Annotated[list[ActivityEntry], Field(description="The entries, newest first.")]
    page: Annotated[PageInfo, Field(description="How to go on.")]
