"""What people may know about their own sessions."""

from dataclasses import replace

from app.database.executor import Reader
from app.domain.errors import NotFound
from app.domain.identity import devices_repository, repository
from app.domain.identity.session import Session
from app.domain.ids import SessionId
from app.domain.pages import Page, PageRequest, page_from
from app.domain.users.caller import Caller


async def session(reader: Reader, caller: Caller, session_id: SessionId) -> Session:
    """One of the caller's live sessions. Raises NotFound. One statement."""
    found = await devices_repository.own(reader, session_id, user_id=caller.user_id)
    if found is None:
        raise NotFound("session", session_id)
    return found


async def sessions(reader: Reader, caller: Caller, request: PageRequest, *, with_total: bool = False) -> Page[Session]:
    """The caller's live sessions, newest first. One statement, a second for the total."""
    rows = await repository.page(reader, caller.user_id, request)
    found = page_from(rows, request, lambda session: (session.created_at, session.id))
    return replace(found, total=await repository.count(reader, caller.user_id)) if with_total else found
