"""What is done with mailed tokens: which cached values know of it."""

from uuid import uuid4

import pytest

from app.domain.errors import Invalid, NotAuthenticated
from app.domain.identity import email_changes, password_resets, registrations
from app.domain.identity.registrations import Registration
from app.domain.teams.cache_tags import of_team
from app.domain.users import repository as users
from app.domain.users.cache_tags import of_user
from app.domain.users.user import User
from tests.domain.identity.arranged import log_in, of_account
from tests.domain.identity.mailing import mailed
from tests.domain.touching import Case, Stage, Table
from tests.factories import PASSWORD, make_user
from tests.messages import Outbox
from tests.team_factories import caller_for, make_member, make_team

NEW_PASSWORD = "blue penguin umbrella"


def outbox_of(stage: Stage) -> Outbox:
    return Outbox(stage.database, stage.letters.cipher)


async def register(stage: Stage) -> str:
    email = f"{uuid4().hex}@example.com"
    registration = Registration(email, "Ann", PASSWORD)
    await registrations.register(stage.database, stage.authority, stage.letters, registration)
    return email


async def registering(stage: Stage) -> None:
    """Nobody is there yet."""
    stage.begin()
    await register(stage)


async def asking_for_the_mail_again(stage: Stage) -> None:
    email = await register(stage)
    stage.begin()
    await registrations.resend(stage.database, stage.letters, email)


async def confirming_a_registration(stage: Stage) -> set[str]:
    token = await mailed(outbox_of(stage), await register(stage))
    stage.begin()
    return await of_account(
        stage, await registrations.confirm(stage.database, stage.authority, token, password=PASSWORD)
    )


async def confirming_it_with_another_password(stage: Stage) -> None:
    token = await mailed(outbox_of(stage), await register(stage))
    stage.begin()
    with pytest.raises(NotAuthenticated):
        await registrations.confirm(stage.database, stage.authority, token, password="wrong")


async def asking_for_a_new_password(stage: Stage) -> None:
    user = await make_user(stage.database)
    stage.begin()
    await password_resets.ask(stage.database, stage.letters, user.email)


async def reset(stage: Stage, user: User, password: str) -> None:
    await password_resets.ask(stage.database, stage.letters, user.email)
    token = await mailed(outbox_of(stage), user.email)
    stage.begin()
    await password_resets.reset(stage.database, stage.authority, stage.letters, token, new_password=password)


async def choosing_a_new_password(stage: Stage) -> set[str]:
    user = await make_user(stage.database)
    await log_in(stage, user)
    await reset(stage, user, NEW_PASSWORD)
    return {of_user(user.id)}


async def choosing_one_that_is_too_short(stage: Stage) -> None:
    user = await make_user(stage.database)
    await log_in(stage, user)
    with pytest.raises(Invalid):
        await reset(stage, user, "short")


async def asking_for_another_address(stage: Stage) -> None:
    caller, _ = await log_in(stage, await make_user(stage.database))
    stage.begin()
    await email_changes.ask(stage.database, stage.letters, caller, f"{uuid4().hex}@example.com")


async def confirming_another_address(stage: Stage) -> set[str]:
    """It shows in shared teams as well."""
    owner = await caller_for(stage.database, await make_user(stage.database))
    team = await make_team(stage.database, owner)
    ann = await make_member(stage.database, owner, team)
    user = await users.by_id(stage.database.reader, ann.user_id)
    assert user is not None
    caller, _ = await log_in(stage, user)
    email = f"{uuid4().hex}@example.com"
    await email_changes.ask(stage.database, stage.letters, caller, email)
    token = await mailed(outbox_of(stage), email)
    stage.begin()
    await email_changes.confirm(stage.database, stage.letters, caller, token)
    return await of_account(stage, user) | {of_team(team.id)}


async def confirming_an_address_with_nothing(stage: Stage) -> None:
    caller, _ = await log_in(stage, await make_user(stage.database))
    stage.begin()
    with pytest.raises(NotAuthenticated):
        await email_changes.confirm(stage.database, stage.letters, caller, "unknown")


MAILED = Table(
    modules=(registrations, password_resets, email_changes),
    changing=(
        Case(registrations.confirm, confirming_a_registration),
        Case(password_resets.reset, choosing_a_new_password),
        Case(email_changes.confirm, confirming_another_address),
    ),
    leaving=(
        Case(registrations.register, registering),
        Case(registrations.resend, asking_for_the_mail_again),
        Case(registrations.confirm, confirming_it_with_another_password),
        Case(password_resets.ask, asking_for_a_new_password),
        Case(password_resets.reset, choosing_one_that_is_too_short),
        Case(email_changes.ask, asking_for_another_address),
        Case(email_changes.confirm, confirming_an_address_with_nothing),
    ),
    silent=frozenset({registrations.register, registrations.resend, password_resets.ask, email_changes.ask}),
)
