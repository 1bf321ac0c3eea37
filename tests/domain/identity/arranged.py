"""People in sessions, for the cases of what announces what."""

from dataclasses import replace

from app.domain.identity import queries
from app.domain.identity.session import Tokens
from app.domain.pages import PageRequest
from app.domain.teams.cache_tags import of_team
from app.domain.users.cache_tags import of_user
from app.domain.users.caller import Caller
from app.domain.users.user import User
from tests.domain.touching import Stage
from tests.factories import open_session
from tests.team_factories import caller_for


async def log_in(stage: Stage, user: User) -> tuple[Caller, Tokens]:
    """`user` in a new session."""
    tokens = await open_session(stage.database, stage.authority, user)
    caller = await caller_for(stage.database, user)
    newest = await queries.sessions(stage.database.reader, caller, PageRequest(limit=1))
    return replace(caller, session_id=newest.items[0].id), tokens


async def of_account(stage: Stage, user: User) -> set[str]:
    """What changes with the account of somebody who is in no team but their own."""
    return {of_user(user.id), of_team((await caller_for(stage.database, user)).personal_team_id)}
