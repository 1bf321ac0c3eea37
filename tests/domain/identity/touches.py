"""Accounts and sessions: which cached values know of them."""

from datetime import timedelta
from uuid import uuid4

import pytest
from argon2 import PasswordHasher

from app.domain.errors import Conflict, Invalid, NotAllowed, NotAuthenticated, NotFound
from app.domain.identity import administration, api_key_commands, commands, password_resets, rotation
from app.domain.identity.administration import AccessChange
from app.domain.identity.api_key import ApiKeyDraft
from app.domain.identity.cache_tags import of_session
from app.domain.teams.cache_tags import of_team
from app.domain.users import repository as users
from app.domain.users.cache_tags import of_user
from app.domain.users.caller import Caller
from app.domain.users.user import User
from tests.domain.identity import device_touches as devices
from tests.domain.identity.arranged import log_in, of_account
from tests.domain.identity.clocks import let_absolute_expiry_pass, let_mailed_tokens_expire, let_time_pass_since_use
from tests.domain.touching import Case, Stage, Table
from tests.factories import CLIENT, PASSWORD, make_user, open_session, password_hash
from tests.team_factories import caller_for, make_member, make_team

NEW_PASSWORD = "blue penguin umbrella"
AFTER_GRACE = timedelta(seconds=11)


async def making_an_account(stage: Stage) -> set[str]:
    stage.begin()
    return await of_account(stage, await make_user(stage.database))


async def making_an_account_twice(stage: Stage) -> None:
    user = await make_user(stage.database)
    stage.begin()
    with pytest.raises(Conflict):
        await commands.create_account(stage.database, email=user.email, name="Ann", password_hash=password_hash())


async def logging_in_with_an_outdated_hash(stage: Stage) -> None:
    """Two writes, and nobody has been shown anything that they change."""
    weaker = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    email = f"{uuid4().hex}@example.com"
    await commands.create_account(stage.database, email=email, name="Ann", password_hash=weaker)
    stage.begin()
    await commands.log_in(stage.database, stage.authority, email=email, password=PASSWORD, client=CLIENT)


async def logging_in_with_a_wrong_password(stage: Stage) -> None:
    user = await make_user(stage.database)
    stage.begin()
    with pytest.raises(NotAuthenticated):
        await commands.log_in(stage.database, stage.authority, email=user.email, password="wrong", client=CLIENT)


async def opening_a_session(stage: Stage) -> None:
    user = await make_user(stage.database)
    stage.begin()
    await open_session(stage.database, stage.authority, user)


async def logging_out(stage: Stage) -> set[str]:
    user = await make_user(stage.database)
    (here, _), _there = await log_in(stage, user), await log_in(stage, user)
    stage.begin()
    await commands.log_out(stage.database, here)
    return {of_session(here.own_session)}


async def logging_out_twice(stage: Stage) -> None:
    caller, _ = await log_in(stage, await make_user(stage.database))
    await commands.log_out(stage.database, caller)
    stage.begin()
    await commands.log_out(stage.database, caller)


async def logging_out_everywhere(stage: Stage) -> set[str]:
    user = await make_user(stage.database)
    (here, _), _there = await log_in(stage, user), await log_in(stage, user)
    stage.begin()
    await commands.log_out_everywhere(stage.database, here)
    return {of_user(user.id)}


async def logging_out_everywhere_twice(stage: Stage) -> None:
    caller, _ = await log_in(stage, await make_user(stage.database))
    await commands.log_out_everywhere(stage.database, caller)
    stage.begin()
    await commands.log_out_everywhere(stage.database, caller)


async def ending_another_session_of_ones_own(stage: Stage) -> set[str]:
    user = await make_user(stage.database)
    (here, _), (there, _) = await log_in(stage, user), await log_in(stage, user)
    stage.begin()
    await commands.revoke_session(stage.database, here, there.own_session)
    return {of_session(there.own_session)}


async def ending_the_session_of_somebody_else(stage: Stage) -> None:
    (ann, _), (bob, _) = [await log_in(stage, await make_user(stage.database)) for _ in range(2)]
    stage.begin()
    with pytest.raises(NotFound):
        await commands.revoke_session(stage.database, ann, bob.own_session)


async def change_password(stage: Stage, caller: Caller, current: str) -> None:
    await commands.change_password(
        stage.database, stage.authority, stage.keys.cipher, caller, current_password=current, new_password=NEW_PASSWORD
    )


async def changing_the_password(stage: Stage) -> set[str]:
    user = await make_user(stage.database)
    (here, _), _there = await log_in(stage, user), await log_in(stage, user)
    stage.begin()
    await change_password(stage, here, PASSWORD)
    return {of_user(user.id)}


async def changing_the_password_without_other_sessions(stage: Stage) -> None:
    """The password itself is shown to nobody, and this session goes on."""
    caller, _ = await log_in(stage, await make_user(stage.database))
    stage.begin()
    await change_password(stage, caller, PASSWORD)


async def changing_the_password_without_knowing_it(stage: Stage) -> None:
    user = await make_user(stage.database)
    (here, _), _there = await log_in(stage, user), await log_in(stage, user)
    stage.begin()
    with pytest.raises(NotAuthenticated):
        await change_password(stage, here, "wrong")


async def forgetting_sessions_that_ended_by_themselves(stage: Stage) -> None:
    """What is cached of a session ends when the session does, so its row may go unheard."""
    caller, _ = await log_in(stage, await make_user(stage.database))
    await let_absolute_expiry_pass(stage.behind, caller.own_session)
    stage.begin()
    assert await commands.purge_expired(stage.database) >= 1


async def forgetting_mailed_tokens(stage: Stage) -> None:
    """They are compared and never shown."""
    await password_resets.ask(stage.database, stage.letters, f"{uuid4().hex}@example.com")
    await let_mailed_tokens_expire(stage.behind)
    stage.begin()
    assert await commands.purge_mailed_tokens(stage.database) >= 1


async def refreshing_with_a_stolen_token(stage: Stage) -> set[str]:
    caller, tokens = await log_in(stage, await make_user(stage.database))
    await rotation.refresh(stage.database, stage.authority, tokens.refresh_token)
    await let_time_pass_since_use(stage.behind, tokens.refresh_token, AFTER_GRACE)
    stage.begin()
    with pytest.raises(NotAuthenticated):
        await rotation.refresh(stage.database, stage.authority, tokens.refresh_token)
    return {of_session(caller.own_session)}


async def ending_a_session_by_its_token(stage: Stage) -> set[str]:
    caller, tokens = await log_in(stage, await make_user(stage.database))
    stage.begin()
    await rotation.end(stage.database, tokens.refresh_token)
    return {of_session(caller.own_session)}


async def ending_a_session_by_an_unknown_token(stage: Stage) -> None:
    stage.begin()
    await rotation.end(stage.database, "unknown")


async def refreshing_twice(stage: Stage) -> None:
    """Once properly and once within the grace: the session only lasts longer than was known."""
    _, tokens = await log_in(stage, await make_user(stage.database))
    stage.begin()
    for _ in range(2):
        await rotation.refresh(stage.database, stage.authority, tokens.refresh_token)


async def change_access(stage: Stage, caller: Caller, user: User, **change: bool | list[str]) -> User:
    return await administration.change_access(stage.database, caller, user.id, AccessChange(**change))  # type: ignore[arg-type]  # the names and types are those of AccessChange


async def administrator(stage: Stage) -> Caller:
    return (await log_in(stage, await make_user(stage.database, roles=("admin",))))[0]


async def locking_somebody_out(stage: Stage) -> set[str]:
    """One tag ends all their sessions and API keys."""
    boss, user = await administrator(stage), await make_user(stage.database)
    caller, _ = await log_in(stage, user)
    await api_key_commands.create(stage.database, caller, ApiKeyDraft("x", ["todos:read"]))
    stage.begin()
    await change_access(stage, boss, user, is_active=False)
    return await of_account(stage, user)


async def giving_somebody_a_role(stage: Stage) -> set[str]:
    boss, user = await administrator(stage), await make_user(stage.database)
    stage.begin()
    await change_access(stage, boss, user, roles=["admin"])
    return await of_account(stage, user)


async def giving_somebody_what_they_have(stage: Stage) -> None:
    boss, user = await administrator(stage), await make_user(stage.database)
    stage.begin()
    assert await change_access(stage, boss, user, is_active=True, roles=[]) == user


async def being_no_administrator(stage: Stage) -> None:
    user = await make_user(stage.database)
    stage.begin()
    with pytest.raises(NotAllowed):
        await change_access(stage, await caller_for(stage.database, user), user, roles=["admin"])


async def locking_oneself_out(stage: Stage) -> None:
    user = await make_user(stage.database, roles=("admin",))
    boss, _ = await log_in(stage, user)
    stage.begin()
    with pytest.raises(Conflict):
        await change_access(stage, boss, user, is_active=False)


async def giving_a_role_that_does_not_exist(stage: Stage) -> None:
    boss, user = await administrator(stage), await make_user(stage.database)
    stage.begin()
    with pytest.raises(Invalid):
        await change_access(stage, boss, user, roles=["king"])


async def appointing(stage: Stage) -> set[str]:
    """The account shows in shared teams as well."""
    owner = await caller_for(stage.database, await make_user(stage.database))
    team = await make_team(stage.database, owner)
    ann = await make_member(stage.database, owner, team)
    user = await users.by_id(stage.database.reader, ann.user_id)
    assert user is not None
    stage.begin()
    await administration.appoint(stage.database, user.email)
    return await of_account(stage, user) | {of_team(team.id)}


async def appointing_an_administrator(stage: Stage) -> None:
    user = await make_user(stage.database, roles=("admin",))
    stage.begin()
    await administration.appoint(stage.database, user.email)


IDENTITY = Table(
    modules=(commands, rotation, administration),
    changing=(
        Case(commands.create_account, making_an_account),
        Case(commands.log_out, logging_out),
        Case(commands.log_out_everywhere, logging_out_everywhere),
        Case(commands.revoke_session, ending_another_session_of_ones_own),
        *devices.CHANGING,
        Case(commands.change_password, changing_the_password),
        Case(rotation.refresh, refreshing_with_a_stolen_token),
        Case(rotation.end, ending_a_session_by_its_token),
        Case(administration.change_access, locking_somebody_out),
        Case(administration.change_access, giving_somebody_a_role),
        Case(administration.appoint, appointing),
    ),
    leaving=(
        Case(commands.create_account, making_an_account_twice),
        Case(commands.log_in, logging_in_with_an_outdated_hash),
        Case(commands.log_in, logging_in_with_a_wrong_password),
        Case(commands.open_session, opening_a_session),
        Case(commands.log_out, logging_out_twice),
        Case(commands.log_out_everywhere, logging_out_everywhere_twice),
        Case(commands.revoke_session, ending_the_session_of_somebody_else),
        *devices.LEAVING,
        Case(commands.change_password, changing_the_password_without_other_sessions),
        Case(commands.change_password, changing_the_password_without_knowing_it),
        Case(commands.purge_expired, forgetting_sessions_that_ended_by_themselves),
        Case(commands.purge_mailed_tokens, forgetting_mailed_tokens),
        Case(rotation.refresh, refreshing_twice),
        Case(rotation.end, ending_a_session_by_an_unknown_token),
        Case(administration.change_access, giving_somebody_what_they_have),
        Case(administration.change_access, being_no_administrator),
        Case(administration.change_access, locking_oneself_out),
        Case(administration.change_access, giving_a_role_that_does_not_exist),
        Case(administration.appoint, appointing_an_administrator),
    ),
    silent=frozenset({commands.log_in, commands.label_session, commands.purge_expired, commands.purge_mailed_tokens}),
)
