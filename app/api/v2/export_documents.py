"""Exports as version 2 shows them."""

from app.api.links import VERSION_2
from app.api.v2 import export_schemas as wire
from app.domain.exports.export import Export, Status

EXPORTS = f"{VERSION_2}/me/exports"


def export_document(export: Export) -> wire.Export:
    """The caller's own export."""
    itself = f"{EXPORTS}/{export.id}"
    return {
        "id": export.id,
        "status": export.status.value,
        "created_at": export.created_at,
        "ready_at": None if export.size_bytes is None else export.finished_at,
        "expires_at": export.expires_at,
        "size_bytes": export.size_bytes,
        "links": {"self": itself, "archive": f"{itself}/archive" if export.status is Status.READY else None},
    }
