"""What people may know about their own sessions, API keys and second factors."""

from dataclasses import replace
from datetime import datetime

from msgspec import Struct

from app.database.executor import Reader
from app.domain.errors import NotFound
from app.domain.identity import api_key_repository, devices_repository, repository
from app.domain.identity.api_key import ApiKey
from app.domain.identity.session import Session
from app.domain.ids import ApiKeyId, SessionId, UserId
from app.domain.pages import Page, PageRequest, page_from
from app.domain.second_factors import code_repository
from app.domain.second_factors import repository as factors_repository
from app.domain.second_factors.factor import Factor, Method, masked_email, masked_phone
from app.domain.second_factors.keys import FactorKeys
from app.domain.users.caller import Caller
from app.domain.users.repository import password_by_id


async def session(reader: Reader, caller: Caller, session_id: SessionId) -> Session:
    """One of the caller's live sessions. Raises NotFound. One statement."""
    found = await devices_repository.own(reader, session_id, user_id=caller.user_id)
    if found is None:
        raise NotFound("session", session_id)
    return found


async def sessions(reader: Reader, caller: Caller, request: PageRequest, *, with_total: bool = False) -> Page[Session]:
    """The caller's live sessions, newest first. One statement, a second for the total."""
    return await sessions_of(reader, caller.user_id, request, with_total=with_total)


async def sessions_of(
    reader: Reader, user_id: UserId, request: PageRequest, *, with_total: bool = False
) -> Page[Session]:
    """As `sessions`, of anybody: whether the caller may know has been decided."""
    rows = await repository.page(reader, user_id, request)
    found = page_from(rows, request, lambda session: (session.created_at, session.id))
    return replace(found, total=await repository.count(reader, user_id)) if with_total else found


async def api_keys(reader: Reader, caller: Caller, request: PageRequest, *, with_total: bool = False) -> Page[ApiKey]:
    """The caller's live API keys, newest first. One statement, a second for the total."""
    return await api_keys_of(reader, caller.user_id, request, with_total=with_total)


async def api_keys_of(
    reader: Reader, user_id: UserId, request: PageRequest, *, with_total: bool = False
) -> Page[ApiKey]:
    """As `api_keys`, of anybody: whether the caller may know has been decided."""
    rows = await api_key_repository.page(reader, user_id, request)
    found = page_from(rows, request, lambda api_key: (api_key.created_at, api_key.id))
    return replace(found, total=await api_key_repository.count(reader, user_id)) if with_total else found


async def api_key(reader: Reader, caller: Caller, api_key_id: ApiKeyId) -> ApiKey:
    """One of the caller's live API keys. Raises NotFound."""
    found = await api_key_repository.one(reader, caller.user_id, api_key_id)
    if found is None:
        raise NotFound("API key", api_key_id)
    return found


class ShownFactor(Struct, frozen=True):
    """A second factor as its user sees it; `to` is where codes are sent, in part."""

    method: Method
    to: str | None
    confirmed_at: datetime | None
    last_used_at: datetime | None


class SecondFactors(Struct, frozen=True):
    """What a login asks the user for besides the password."""

    factors: list[ShownFactor]
    recovery_codes_left: int


async def second_factors(reader: Reader, keys: FactorKeys, caller: Caller) -> SecondFactors:
    """The caller's factors, the oldest first, with nothing secret in them. Three statements."""
    holder = await password_by_id(reader, caller.user_id)
    email = "" if holder is None else holder.email
    factors = await factors_repository.confirmed(reader, caller.user_id)
    return SecondFactors(
        [shown(keys, factor, email=email) for factor in factors],
        await code_repository.recovery_codes_left(reader, caller.user_id),
    )


def shown(keys: FactorKeys, factor: Factor, *, email: str) -> ShownFactor:
    """One factor without its secret; `email` is the address of the account."""
    to = None
    if factor.method is Method.SMS:
        to = masked_phone(keys.opened(factor))
    elif factor.method is Method.MAIL:
        to = masked_email(email)
    return ShownFactor(factor.method, to, factor.confirmed_at, factor.last_used_at)
