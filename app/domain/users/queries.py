"""Reading users: oneself, or everybody for administrators."""

from dataclasses import replace

from app.database.executor import Reader
from app.domain.errors import NotAllowed, NotFound
from app.domain.ids import UserId
from app.domain.pages import NumberedPage, Page, PageRequest, page_from
from app.domain.users import repository
from app.domain.users.caller import Caller
from app.domain.users.repository import UserFilter
from app.domain.users.user import User


async def get(reader: Reader, caller: Caller, user_id: UserId) -> User:
    """One user; administrators see everybody, others themselves. Raises NotFound. One SELECT by primary key."""
    user = await repository.by_id(reader, user_id) if caller.is_administrator or caller.user_id == user_id else None
    if user is None:
        raise NotFound("user", user_id)
    return user


async def page(
    reader: Reader, caller: Caller, request: PageRequest, *, filters: UserFilter, with_total: bool = False
) -> Page[User]:
    """All users that the filters let through, newest first; with the total if `with_total`.

    One SELECT, one more for the total. Raises NotAllowed unless the caller is an administrator.
    """
    require_administrator(caller)
    rows = await repository.page(reader, request, filters)
    found = page_from(rows, request, lambda user: (user.created_at, user.id))
    return replace(found, total=await repository.count(reader, filters)) if with_total else found


async def numbered(
    reader: Reader, caller: Caller, *, number: int, size: int, filters: UserFilter | None = None
) -> NumberedPage[User]:
    """Page `number` (from 1) of `size` users, newest first, and how many there are in all.

    Two SELECTs. Raises NotAllowed unless the caller is an administrator.
    """
    require_administrator(caller)
    chosen = filters or UserFilter()
    rows = await repository.numbered(reader, number=number, size=size, filters=chosen)
    return NumberedPage(items=rows, number=number, size=size, total=await repository.count(reader, chosen))


def require_administrator(caller: Caller) -> None:
    """Raises NotAllowed unless the caller administers the whole service."""
    if not caller.is_administrator:
        raise NotAllowed("This is for administrators of the service.", code="ADMINISTRATORS_ONLY")
