"""Closing and erasing accounts: which cached values know of it."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from app.database.executor import Database
from app.domain.erasure import commands, scheduling
from app.domain.erasure.commands import Means
from app.domain.errors import Conflict, NotAuthenticated
from app.domain.ids import UserId
from app.domain.projects.cache_tags import of_projects
from app.domain.teams.cache_tags import of_all_in, of_team, of_todos_in
from app.domain.teams.policy import Role
from app.domain.users.cache_tags import of_user
from app.domain.users.caller import Caller
from app.domain.users.user import User
from app.erasure_ledger import Erased, digest_of
from tests.domain.identity.arranged import log_in
from tests.domain.identity.mailing import mailed
from tests.domain.touching import Case, Stage, Table
from tests.factories import make_user
from tests.messages import Outbox
from tests.team_factories import make_caller, make_member, make_project, make_team, make_todo

DELAY = timedelta(days=7)
AT = datetime(2026, 11, 21, tzinfo=UTC)


async def leaving(stage: Stage) -> tuple[User, str]:
    """Somebody who has asked for it, and the token that calls it off."""
    user = await make_user(stage.database)
    caller, _ = await log_in(stage, user)
    await scheduling.schedule(stage.database, stage.letters, caller, delay=DELAY)
    return user, await mailed(Outbox(stage.database, stage.letters.cipher), user.email)


async def asking(stage: Stage) -> set[str]:
    user = await make_user(stage.database)
    caller, _ = await log_in(stage, user)
    stage.begin()
    await scheduling.schedule(stage.database, stage.letters, caller, delay=DELAY)
    return {of_user(user.id)}


async def asking_as_an_administrator(stage: Stage) -> None:
    caller, _ = await log_in(stage, await make_user(stage.database, roles=("admin",)))
    stage.begin()
    with pytest.raises(Conflict):
        await scheduling.schedule(stage.database, stage.letters, caller, delay=DELAY)


async def asking_how_to_call_it_off(stage: Stage) -> None:
    user, _ = await leaving(stage)
    stage.begin()
    await scheduling.resend(stage.database, stage.letters, user.email)


async def calling_it_off(stage: Stage) -> None:
    """Nobody was let in meanwhile, so nothing is cached of it."""
    _, token = await leaving(stage)
    stage.begin()
    await scheduling.cancel(stage.database, stage.letters, token)


async def calling_it_off_with_nothing(stage: Stage) -> None:
    stage.begin()
    with pytest.raises(NotAuthenticated):
        await scheduling.cancel(stage.database, stage.letters, "unknown")


async def make_due(database: Database, *callers: Caller) -> None:
    async with database.transaction() as work:
        for caller in callers:
            await work._connection.raw.execute(
                "UPDATE users SET deletion_scheduled_at = now() WHERE id = $1", caller.user_id
            )


async def arranged(stage: Stage) -> tuple[Caller, set[str]]:
    """Ann, who owns a team alone, and somebody who has made and has to do things in another; what shows them."""
    database = stage.database
    ann, owner = await make_caller(database), await make_caller(database)
    await make_todo(database, ann)
    owned = await make_team(database, ann)
    heir = await make_member(database, ann, owned, Role.ADMIN)
    joined = await make_team(database, owner)
    member = await make_member(database, owner, joined)
    await make_todo(database, member, team=joined, assignee_id=member.user_id)
    await make_project(database, member, team=joined)
    await make_due(stage.behind, ann, member)
    seen = {of_user(ann.user_id), *of_all_in(ann.personal_team_id), of_team(owned.id), of_user(heir.user_id)}
    seen |= {of_user(member.user_id), *of_all_in(member.personal_team_id)}
    seen |= {of_team(joined.id), *of_todos_in(joined.id), of_projects(joined.id)}
    return ann, seen


async def erase_others(stage: Stage) -> None:
    """Whoever is due in the same database, because of other tests."""
    while await commands.erase_due(stage.database, Means(stage.letters.cipher)):
        pass


async def erasing(stage: Stage) -> set[str]:
    await erase_others(stage)
    _, seen = await arranged(stage)
    stage.begin()
    await commands.erase_due(stage.database, Means(stage.letters.cipher))
    return seen


async def erasing_nobody(stage: Stage) -> None:
    await erase_others(stage)
    stage.begin()
    assert await commands.erase_due(stage.database, Means(stage.letters.cipher)) == 0


async def replaying(stage: Stage) -> set[str]:
    user = await make_user(stage.database)
    caller, _ = await log_in(stage, user)
    stage.begin()
    await commands.replay(stage.database, Means(stage.letters.cipher), [Erased(digest_of(user.id), AT)])
    return {of_user(user.id), *of_all_in(caller.personal_team_id)}


async def replaying_nothing_new(stage: Stage) -> None:
    stage.begin()
    assert await commands.replay(stage.database, Means(stage.letters.cipher), []) == 0


async def closing(stage: Stage) -> set[str]:
    user = await make_user(stage.database)
    await log_in(stage, user)
    stage.begin()
    assert await commands.close(stage.database, [Erased(digest_of(user.id), AT)]) == [user.id]
    return {of_user(user.id)}


async def closing_nobody(stage: Stage) -> None:
    stage.begin()
    assert await commands.close(stage.database, [Erased(digest_of(UserId(uuid4())), AT)]) == []


async def erasing_who_was_closed(stage: Stage) -> set[str]:
    user = await make_user(stage.database)
    caller, _ = await log_in(stage, user)
    people = await commands.close(stage.database, [Erased(digest_of(user.id), AT)])
    stage.begin()
    await commands.erase(stage.database, Means(stage.letters.cipher), people)
    return {of_user(user.id), *of_all_in(caller.personal_team_id)}


async def erasing_who_has_not_asked(stage: Stage) -> None:
    user = await make_user(stage.database)
    stage.begin()
    assert await commands.erase(stage.database, Means(stage.letters.cipher), [user.id]) == 0


ERASURE = Table(
    modules=(scheduling, commands),
    changing=(
        Case(scheduling.schedule, asking),
        Case(commands.erase_due, erasing),
        Case(commands.replay, replaying),
        Case(commands.close, closing),
        Case(commands.erase, erasing_who_was_closed),
    ),
    leaving=(
        Case(scheduling.schedule, asking_as_an_administrator),
        Case(scheduling.resend, asking_how_to_call_it_off),
        Case(scheduling.cancel, calling_it_off),
        Case(scheduling.cancel, calling_it_off_with_nothing),
        Case(commands.erase_due, erasing_nobody),
        Case(commands.replay, replaying_nothing_new),
        Case(commands.close, closing_nobody),
        Case(commands.erase, erasing_who_has_not_asked),
    ),
    silent=frozenset({scheduling.resend, scheduling.cancel}),
)
