"""The list of one's sessions: which cached values know of what is done with it."""

from dataclasses import replace

import pytest

from app.domain.errors import NotFound
from app.domain.identity import commands
from app.domain.identity.cache_tags import of_session
from app.domain.users.cache_tags import of_user
from tests.domain.identity.arranged import log_in
from tests.domain.touching import Case, Stage
from tests.factories import make_user, open_session


async def logging_out_elsewhere(stage: Stage) -> set[str]:
    user = await make_user(stage.database)
    (here, _), _there = await log_in(stage, user), await log_in(stage, user)
    stage.begin()
    await commands.log_out_others(stage.database, here)
    return {of_user(user.id)}


async def logging_out_elsewhere_where_nobody_is(stage: Stage) -> None:
    caller, _ = await log_in(stage, await make_user(stage.database))
    stage.begin()
    await commands.log_out_others(stage.database, caller)


async def opening_one_session_too_many(stage: Stage) -> set[str]:
    user = await make_user(stage.database)
    first, _ = await log_in(stage, user)
    stage.begin()
    await open_session(stage.database, replace(stage.authority, sessions_per_user=1), user)
    return {of_session(first.own_session)}


async def naming_a_session(stage: Stage) -> None:
    """Only the list of sessions shows it, and that is not cached."""
    caller, _ = await log_in(stage, await make_user(stage.database))
    stage.begin()
    await commands.label_session(stage.database, caller, caller.own_session, "Phone")


async def naming_the_session_of_somebody_else(stage: Stage) -> None:
    (ann, _), (bob, _) = [await log_in(stage, await make_user(stage.database)) for _ in range(2)]
    stage.begin()
    with pytest.raises(NotFound):
        await commands.label_session(stage.database, ann, bob.own_session, "Mine")


CHANGING = (
    Case(commands.log_out_others, logging_out_elsewhere),
    Case(commands.open_session, opening_one_session_too_many),
)
LEAVING = (
    Case(commands.log_out_others, logging_out_elsewhere_where_nobody_is),
    Case(commands.label_session, naming_a_session),
    Case(commands.label_session, naming_the_session_of_somebody_else),
)
