"""The SQL of changing a password: compare and swap."""

from sqlalchemy import Boolean, Text, bindparam, not_, or_, update

from app.database.executor import Transaction
from app.database.schema import uuid
from app.database.statements import Change, scalar
from app.domain.ids import UserId
from app.domain.users.tables import users

c = users.c
_user_id = bindparam("user_id", type_=uuid)
_needs_factor = bindparam("needs_factor", type_=Boolean)
_REPLACE_PASSWORD = Change(
    "users.replace_password",
    update(users)
    .where(
        c.id == _user_id,
        c.password_hash == bindparam("old_hash", type_=Text),
        or_(not_(_needs_factor), c.second_factor_since.is_not(None)),
    )
    .values(password_hash=bindparam("new_hash", type_=Text), password_needs_factor=_needs_factor)
    .returning(c.id),
    scalar,
)


async def replace_password(
    work: Transaction, user_id: UserId, *, old_hash: str, new_hash: str, needs_factor: bool
) -> bool:
    """Compare and swap: False if the hash is no longer `old_hash`, or the needed second factor is not there any more.

    The version stays, nothing of this is shown.
    """
    hashes = {"old_hash": old_hash, "new_hash": new_hash}
    return await work.first(_REPLACE_PASSWORD, user_id=user_id, needs_factor=needs_factor, **hashes) is not None
