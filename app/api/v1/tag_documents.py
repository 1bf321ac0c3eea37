"""Tags as all versions show them."""

from urllib.parse import urlencode

from app.api.links import VERSION_2
from app.api.v1 import tag_schemas as wire
from app.domain.tags.tag import Tag
from app.domain.teams.policy import Role

TAG_MEMBERS = tuple(wire.Tag.__annotations__)


def tag_document(tag: Tag, root: str) -> wire.Tag:
    """The whole tag, with the links that the caller may follow now; they begin with `root`, the version's."""
    itself = f"{root}/tags/{tag.id}"
    links: wire.TagLinks = {
        "self": itself,
        "team": f"{VERSION_2}/teams/{tag.team_id}",  # version 1 has no teams
        "todos": f"{root}/todos?" + urlencode({"team_id": tag.team_id, "tag": tag.name}),
    }
    if Role(tag.role).can_write:
        links["merge"] = itself + "/merge"
    shown: wire.Tag = {
        "id": tag.id,
        "team_id": tag.team_id,
        "name": tag.name,
        "color": tag.color,
        "version": tag.version,
        "created_at": tag.created_at,
        "updated_at": tag.updated_at,
        "links": links,
    }
    if tag.todo_count is not None:
        shown["todo_count"] = tag.todo_count
    return shown
