"""The shapes of exports: archives of everything that the service knows about a person."""

import datetime as dt
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from app.api.fields import EXAMPLE_ID, EXAMPLE_MOMENT, described
from app.api.pages import PageInfo

ExportStatus = Literal["queued", "running", "ready", "failed", "expired"]


class ExportLinks(TypedDict):
    """Where to go from here."""

    self: Annotated[str, described("This export.", f"/api/v2/me/exports/{EXAMPLE_ID}")]
    archive: Annotated[
        str | None,
        described("The archive; null unless it is ready.", f"/api/v2/me/exports/{EXAMPLE_ID}/archive"),
    ]


class Export(TypedDict):
    """An archive of everything that the service knows about you: asked for, being built, or there for a time."""

    id: Annotated[UUID, described("Never changes.", EXAMPLE_ID)]
    status: Annotated[
        ExportStatus,
        described("queued and running lead to ready or failed; expired is what was ready once.", "ready"),
    ]
    created_at: Annotated[dt.datetime, described("When it was asked for.", EXAMPLE_MOMENT)]
    ready_at: Annotated[dt.datetime | None, described("Since when there is an archive.", EXAMPLE_MOMENT)]
    expires_at: Annotated[dt.datetime | None, described("When the archive is deleted.", "2026-11-22T09:30:00Z")]
    size_bytes: Annotated[int | None, described("The size of the archive.", 48_213)]
    links: Annotated[ExportLinks, described("Where to go from here.", {"self": f"/api/v2/me/exports/{EXAMPLE_ID}"})]


class ExportPage(TypedDict):
    """One page of exports."""

    items: Annotated[list[Export], Field(description="The exports, newest first.")]
    page: Annotated[PageInfo, Field(description="How to go on.")]
