"""API keys, and what administrators end for others: which cached values know of them."""

from datetime import timedelta

import pytest

from app.domain.errors import Invalid, NotFound
from app.domain.identity import api_key_commands as commands
from app.domain.identity import oversight
from app.domain.identity.api_key import ApiKey, ApiKeyDraft
from app.domain.identity.cache_tags import of_api_key, of_session
from app.domain.ids import ApiKeyId, uuid7
from app.domain.users.cache_tags import of_user
from app.domain.users.caller import Caller
from tests.domain.identity.arranged import log_in
from tests.domain.identity.key_clocks import let_time_pass
from tests.domain.identity.touches import administrator
from tests.domain.touching import Case, Stage, Table
from tests.factories import make_user

DRAFT = ApiKeyDraft("Nightly report", ["todos:read"])


async def somebody(stage: Stage) -> Caller:
    """Somebody new, who has just logged in."""
    return (await log_in(stage, await make_user(stage.database)))[0]


async def make_key(stage: Stage) -> tuple[Caller, ApiKey]:
    """A key and its user."""
    caller = await somebody(stage)
    return caller, (await commands.create(stage.database, caller, DRAFT)).api_key


async def making_a_key(stage: Stage) -> None:
    """Nobody can have shown it before."""
    caller = await somebody(stage)
    stage.begin()
    await commands.create(stage.database, caller, DRAFT)


async def making_a_key_beyond_ones_role(stage: Stage) -> None:
    caller = await somebody(stage)
    stage.begin()
    with pytest.raises(Invalid):
        await commands.create(stage.database, caller, ApiKeyDraft("x", ["users:read"]))


async def replacing_a_key(stage: Stage) -> set[str]:
    caller, key = await make_key(stage)
    stage.begin()
    await commands.rotate(stage.database, caller, key.id)
    return {of_api_key(key.id)}


async def replacing_a_key_of_somebody_else(stage: Stage) -> None:
    (_, key), caller = await make_key(stage), await somebody(stage)
    stage.begin()
    with pytest.raises(NotFound):
        await commands.rotate(stage.database, caller, key.id)


async def revoking_a_key(stage: Stage) -> set[str]:
    caller, key = await make_key(stage)
    stage.begin()
    await commands.revoke(stage.database, caller, key.id)
    return {of_api_key(key.id)}


async def revoking_a_key_twice(stage: Stage) -> None:
    caller, key = await make_key(stage)
    await commands.revoke(stage.database, caller, key.id)
    stage.begin()
    with pytest.raises(NotFound):
        await commands.revoke(stage.database, caller, key.id)


async def forgetting_keys_that_ended_long_ago(stage: Stage) -> None:
    """What is cached of a key ends when the key does, so its row may go unheard."""
    _, key = await make_key(stage)
    await let_time_pass(stage.behind, key.id, timedelta(days=121))
    stage.begin()
    assert await commands.purge_ended(stage.database) >= 1


async def ending_a_session_of_somebody(stage: Stage) -> set[str]:
    boss, (ann, _) = await administrator(stage), await log_in(stage, await make_user(stage.database))
    stage.begin()
    await oversight.end_session(stage.database, boss, ann.user_id, ann.own_session)
    return {of_session(ann.own_session)}


async def ending_a_session_that_never_was(stage: Stage) -> None:
    boss, (ann, _) = await administrator(stage), await log_in(stage, await make_user(stage.database))
    stage.begin()
    with pytest.raises(NotFound):
        await oversight.end_session(stage.database, boss, ann.user_id, boss.own_session)


async def ending_all_sessions_of_somebody(stage: Stage) -> set[str]:
    boss, (ann, _) = await administrator(stage), await log_in(stage, await make_user(stage.database))
    stage.begin()
    await oversight.end_sessions(stage.database, boss, ann.user_id)
    return {of_user(ann.user_id)}


async def ending_all_sessions_of_somebody_who_has_none(stage: Stage) -> None:
    boss, ann = await administrator(stage), await make_user(stage.database)
    stage.begin()
    await oversight.end_sessions(stage.database, boss, ann.id)


async def revoking_a_key_of_somebody(stage: Stage) -> set[str]:
    boss, (ann, key) = await administrator(stage), await make_key(stage)
    stage.begin()
    await oversight.revoke_api_key(stage.database, boss, ann.user_id, key.id)
    return {of_api_key(key.id)}


async def revoking_a_key_that_never_was(stage: Stage) -> None:
    boss, (ann, _) = await administrator(stage), await make_key(stage)
    stage.begin()
    with pytest.raises(NotFound):
        await oversight.revoke_api_key(stage.database, boss, ann.user_id, ApiKeyId(uuid7()))


async def revoking_all_keys_of_somebody(stage: Stage) -> set[str]:
    boss, (ann, _) = await administrator(stage), await make_key(stage)
    stage.begin()
    await oversight.revoke_api_keys(stage.database, boss, ann.user_id)
    return {of_user(ann.user_id)}


async def revoking_all_keys_of_somebody_who_has_none(stage: Stage) -> None:
    boss, ann = await administrator(stage), await somebody(stage)
    stage.begin()
    await oversight.revoke_api_keys(stage.database, boss, ann.user_id)


API_KEYS = Table(
    modules=(commands, oversight),
    changing=(
        Case(commands.rotate, replacing_a_key),
        Case(commands.revoke, revoking_a_key),
        Case(oversight.end_session, ending_a_session_of_somebody),
        Case(oversight.end_sessions, ending_all_sessions_of_somebody),
        Case(oversight.revoke_api_key, revoking_a_key_of_somebody),
        Case(oversight.revoke_api_keys, revoking_all_keys_of_somebody),
    ),
    leaving=(
        Case(commands.create, making_a_key),
        Case(commands.create, making_a_key_beyond_ones_role),
        Case(commands.rotate, replacing_a_key_of_somebody_else),
        Case(commands.revoke, revoking_a_key_twice),
        Case(commands.purge_ended, forgetting_keys_that_ended_long_ago),
        Case(oversight.end_session, ending_a_session_that_never_was),
        Case(oversight.end_sessions, ending_all_sessions_of_somebody_who_has_none),
        Case(oversight.revoke_api_key, revoking_a_key_that_never_was),
        Case(oversight.revoke_api_keys, revoking_all_keys_of_somebody_who_has_none),
    ),
    silent=frozenset({commands.create, commands.purge_ended}),
)
