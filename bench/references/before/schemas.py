"""What goes over the wire."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class TodoCreate(BaseModel):
    """The body of a create."""

    title: str = Field(min_length=1, max_length=200)


class TodoRead(BaseModel):
    """A todo as clients see it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    team_id: UUID
    project_id: UUID | None
    parent_id: UUID | None
    title: str
    description: str
    status: str
    priority: int
    due_date: date | None
    assignee_id: UUID | None
    tags: list[str]
    position: float
    external_id: str | None
    created_by: UUID | None
    version: int
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None


class TodoPage(BaseModel):
    """One page of todos."""

    items: list[TodoRead]


class Credentials(BaseModel):
    """The body of a login."""

    email: str
    password: str


class Token(BaseModel):
    """A fresh access token."""

    access_token: str
    token_type: str = "bearer"  # noqa: S105 - the name of the scheme
