"""ORM entities on the tables of this service."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ARRAY, DateTime, FetchedValue, SmallInteger, Text, select
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column

from app.domain.ids import uuid7


class Entity(DeclarativeBase):
    """The declarative base; times are with time zone."""

    type_annotation_map = {datetime: DateTime(timezone=True), list[str]: ARRAY(Text)}  # noqa: RUF012 - SQLAlchemy's own form


class Team(Entity):
    """A team; of interest for whose personal team it is."""

    __tablename__ = "teams"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    personal_user_id: Mapped[UUID | None]


class User(Entity):
    """An account."""

    __tablename__ = "users"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    team_id: Mapped[UUID] = column_property(
        select(Team.id).where(Team.personal_user_id == id).scalar_subquery()  # noqa: A003 - the column above, not the builtin
    )
    email: Mapped[str]
    email_key: Mapped[str]
    name: Mapped[str]
    password_hash: Mapped[str]
    is_active: Mapped[bool]


class Todo(Entity):
    """A todo."""

    __tablename__ = "todos"
    team_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    project_id: Mapped[UUID | None]
    parent_id: Mapped[UUID | None]
    title: Mapped[str]
    description: Mapped[str] = mapped_column(server_default=FetchedValue())
    status: Mapped[str] = mapped_column(server_default=FetchedValue())
    priority: Mapped[int] = mapped_column(SmallInteger, server_default=FetchedValue())
    due_date: Mapped[date | None]
    assignee_id: Mapped[UUID | None]
    tags: Mapped[list[str]] = mapped_column(server_default=FetchedValue())
    position: Mapped[float] = mapped_column(server_default=FetchedValue())
    external_id: Mapped[str | None]
    created_by: Mapped[UUID | None]
    version: Mapped[int] = mapped_column(server_default=FetchedValue())
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    updated_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    completed_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
