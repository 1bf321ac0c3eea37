"""The shapes of blocks: who is kept out, why and until when."""

import datetime as dt
from typing import Annotated
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from app.api.fields import EXAMPLE_ID, EXAMPLE_MOMENT, FreeText, RequestBody, WholeNumber, described
from app.api.pages import PageInfo, PageQuery

EXAMPLE_ADDRESS = "203.0.113.7"
NOTE_MAXIMUM = 500
MINUTES_MAXIMUM = 43_200

Address = Annotated[str, Field(min_length=2, max_length=64)]
Note = Annotated[str, FreeText(0, NOTE_MAXIMUM)]


class BlockListQuery(PageQuery):
    """Which blocks to list."""

    is_active: bool | None = Field(None, description="Only those in force, or those that are over.", examples=[True])
    address: Address | None = Field(
        None, description="Only those of this address, or of the /64 that it belongs to.", examples=[EXAMPLE_ADDRESS]
    )


class BlockCreate(RequestBody):
    """Whom to keep out, and for how long."""

    address: Address = described("An IP address; one of version 6 stands for its /64.", EXAMPLE_ADDRESS)
    minutes: Annotated[int, Field(ge=1, le=MINUTES_MAXIMUM), WholeNumber] = Field(
        60, description="For so long, 30 days at most.", examples=[60]
    )
    note: Note = Field("", description="Why, for whoever reads the list.", examples=["Scrapes the public projects."])


class BlockLinks(TypedDict):
    """Where to go from here."""

    self: Annotated[str, described("DELETE this to lift the block.", f"/api/v2/admin/blocks/{EXAMPLE_ID}")]


class Block(TypedDict):
    """An address that is, or was, kept out."""

    id: Annotated[UUID, described("Never changes.", EXAMPLE_ID)]
    address: Annotated[str, described("An IPv4 address, or an IPv6 network of 64 bits.", EXAMPLE_ADDRESS)]
    is_active: Annotated[bool, described("Whether it is in force now.", True)]
    strike: Annotated[int, described("The how-manieth within a week; 0 for an administrator's decision.", 1)]
    signals: Annotated[list[str], described("What led to it, the weightiest first.", ["failed_login"])]
    score: Annotated[float, described("Points at that moment.", 5.0)]
    note: Annotated[str, described("An administrator's reason.", "")]
    since: Annotated[dt.datetime, described("When it began.", EXAMPLE_MOMENT)]
    until: Annotated[dt.datetime, described("When it ends unless it is lifted.", "2026-11-21T09:45:00Z")]
    created_by: Annotated[UUID | None, described("The administrator who decided it; null if the service did.", None)]
    lifted_at: Annotated[dt.datetime | None, described("When it was lifted.", None)]
    lifted_by: Annotated[UUID | None, described("Who lifted it; null as well for the command line.", None)]
    links: Annotated[BlockLinks, described("What you can do with it.", {"self": f"/api/v2/admin/blocks/{EXAMPLE_ID}"})]


class BlockPage(TypedDict):
    """One page of blocks."""

    items: Annotated[list[Block], Field(description="The blocks, newest first.")]
    page: Annotated[PageInfo, Field(description="How to go on.")]
