"""API keys for tests, stored as the command stores them, without the login that it asks for."""

from collections.abc import Sequence
from datetime import timedelta

from app.database.executor import Database
from app.domain.identity import api_key_repository, api_key_text
from app.domain.identity.api_key import ApiKeyDraft, Issued
from app.domain.unit_of_work import unit_of_work
from app.domain.users.user import User

LIVES = timedelta(days=90)


async def make_api_key(
    database: Database,
    user: User,
    scopes: Sequence[str] = ("todos:read",),
    *,
    name: str = "Nightly report",
    lives: timedelta = LIVES,
) -> Issued:
    """A new key of `user`."""
    token = api_key_text.fresh()
    draft = ApiKeyDraft(name, sorted(scopes), lives)
    async with unit_of_work(database) as work:
        api_key = await api_key_repository.insert_key(work, user.id, draft, api_key_text.fingerprint(token))
    return Issued(api_key, token)


def key_header(issued: Issued) -> dict[str, str]:
    """The header that shows the key."""
    return {"Authorization": f"Bearer {issued.token}"}
