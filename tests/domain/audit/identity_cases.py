"""Accounts and sessions: what the log says of them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.guesses import limit
from app.domain.identity import administration, commands, rotation, step_up
from app.domain.identity.administration import AccessChange
from app.domain.ids import SessionId
from app.domain.users import commands as users
from app.domain.users import repository as users_repository
from app.domain.users.caller import Caller
from app.domain.users.user import User
from app.settings import load_settings
from tests.domain.audit.telling import Act, Expected, Scene, Table, Told
from tests.domain.identity.clocks import let_time_pass_since_use
from tests.factories import CLIENT, PASSWORD, factor_keys_of, open_session, password_hash

KEYS = factor_keys_of(load_settings(ENVIRONMENT="test"))
IDENTITY = Table(
    unaudited={
        users.update_profile: "people change their own profile",
        commands.label_session: "what people call their own devices",
        limit.admit: "what is admitted tells itself, and so does what was wrong",
        commands.purge_expired: "what it deletes ended by itself long before",
        commands.purge_mailed_tokens: "as above",
    }
)


async def account(scene: Scene, caller: Caller) -> User:
    user = await users_repository.by_id(scene.database.reader, caller.user_id)
    assert user is not None
    return user


async def logged_in(scene: Scene, caller: Caller) -> tuple[Caller, str]:
    """The caller in a new session, and its refresh token."""
    tokens = await open_session(scene.database, scene.authority, await account(scene, caller))
    return replace(caller, session_id=session_of(scene, tokens)), tokens.refresh_token


def session_of(scene: Scene, tokens: Any) -> SessionId:
    return scene.authority.access_tokens.verify(tokens.access_token).session_id


def about(action: Action, caller: Caller, **changed: Any) -> Told:
    """Somebody did it to themselves."""
    return Told(action, caller, Subject("user", caller.user_id), changed)


def login(scene: Scene, email: str, password: str) -> Act:
    return scene.call(commands.log_in, scene.authority, email=email, password=password, client=CLIENT)


def failed_login(user_id: Any, reason: str) -> Told:
    subject = user_id and Subject("user", user_id)
    return Told(Action.LOGGED_IN, None, subject, {"reason": [None, reason]}, outcome="refused")


def registered(user: User) -> list[Told]:
    return [Told(Action.REGISTERED, user, Subject("user", user.id))]


@IDENTITY.case(commands.create_account)
async def making_an_account(scene: Scene) -> tuple[Act, Expected]:
    values = {"email": f"{uuid4().hex}@example.com", "name": "Ann", "password_hash": password_hash()}
    return scene.call(commands.create_account, **values), registered


@IDENTITY.case(commands.log_in)
async def logging_in(scene: Scene) -> tuple[Act, Expected]:
    email = (await account(scene, scene.ann)).email

    def told(tokens: Any) -> list[Told]:
        return [about(Action.LOGGED_IN, scene.ann, session_id=[None, str(session_of(scene, tokens))])]

    return login(scene, email, PASSWORD), told


@IDENTITY.case(commands.log_in)
async def logging_in_with_a_wrong_password(scene: Scene) -> tuple[Act, Expected]:
    email = (await account(scene, scene.ann)).email
    return login(scene, email, "canary-password"), [failed_login(scene.ann.user_id, "WRONG_PASSWORD")]


@IDENTITY.case(commands.log_in)
async def logging_in_as_nobody(scene: Scene) -> tuple[Act, Expected]:
    return login(scene, "canary@example.com", PASSWORD), [failed_login(None, "UNKNOWN_ACCOUNT")]


@IDENTITY.case(commands.log_in)
async def logging_in_without_being_let_in(scene: Scene) -> tuple[Act, Expected]:
    email = (await account(scene, scene.ann)).email
    await scene.behind("UPDATE users SET is_active = false WHERE id = $1", scene.ann.user_id)
    return login(scene, email, PASSWORD), [failed_login(scene.ann.user_id, "ACCOUNT_NOT_ACTIVE")]


@IDENTITY.case(commands.log_in)
async def logging_in_with_a_password_that_needs_a_factor(scene: Scene) -> tuple[Act, Expected]:
    """There was one when the password was chosen."""
    email = (await account(scene, scene.ann)).email
    await scene.behind("UPDATE users SET password_needs_factor = true WHERE id = $1", scene.ann.user_id)
    return login(scene, email, PASSWORD), [failed_login(scene.ann.user_id, "PASSWORD_RESET_REQUIRED")]


@IDENTITY.case(commands.open_session)
async def opening_a_session(scene: Scene) -> tuple[Act, Expected]:
    holder = await users_repository.password_by_id(scene.database.reader, scene.ann.user_id)

    def told(tokens: Any) -> list[Told]:
        return [about(Action.LOGGED_IN, scene.ann, session_id=[None, str(session_of(scene, tokens))])]

    return scene.call(commands.open_session, scene.authority, holder, CLIENT), told


@IDENTITY.case(commands.log_out)
async def logging_out(scene: Scene) -> tuple[Act, Expected]:
    ann, _ = await logged_in(scene, scene.ann)
    told = about(Action.LOGGED_OUT, ann, session_ids=[[str(ann.session_id)], []])
    return scene.call(commands.log_out, ann), [told]


@IDENTITY.case(commands.log_out)
async def logging_out_twice(scene: Scene) -> tuple[Act, Expected]:
    ann, _ = await logged_in(scene, scene.ann)
    await commands.log_out(scene.database, ann)
    return scene.call(commands.log_out, ann), []


@IDENTITY.case(commands.log_out_everywhere)
async def logging_out_everywhere(scene: Scene) -> tuple[Act, Expected]:
    ann, _ = await logged_in(scene, scene.ann)
    told = about(Action.LOGGED_OUT_EVERYWHERE, ann, session_ids=[[str(ann.session_id)], []])
    return scene.call(commands.log_out_everywhere, ann), [told]


@IDENTITY.case(commands.log_out_everywhere)
async def logging_out_everywhere_from_nowhere(scene: Scene) -> tuple[Act, Expected]:
    return scene.call(commands.log_out_everywhere, scene.ann), []


@IDENTITY.case(commands.log_out_others)
async def logging_out_elsewhere(scene: Scene) -> tuple[Act, Expected]:
    ann, _ = await logged_in(scene, scene.ann)
    elsewhere, _ = await logged_in(scene, scene.ann)
    told = about(Action.LOGGED_OUT_ELSEWHERE, ann, session_ids=[[str(elsewhere.session_id)], []])
    return scene.call(commands.log_out_others, ann), [told]


@IDENTITY.case(commands.log_out_others)
async def logging_out_elsewhere_without_an_elsewhere(scene: Scene) -> tuple[Act, Expected]:
    ann, _ = await logged_in(scene, scene.ann)
    return scene.call(commands.log_out_others, ann), []


@IDENTITY.case(commands.revoke_session)
async def revoking_a_session(scene: Scene) -> tuple[Act, Expected]:
    ann, _ = await logged_in(scene, scene.ann)
    told = about(Action.SESSION_REVOKED, ann, session_ids=[[str(ann.session_id)], []])
    return scene.call(commands.revoke_session, ann, ann.session_id), [told]


@IDENTITY.case(commands.revoke_session)
async def revoking_what_is_none(scene: Scene) -> tuple[Act, Expected]:
    return scene.call(commands.revoke_session, scene.ann, SessionId(uuid4())), []


def new_password(scene: Scene, caller: Caller, current: str) -> Act:
    passwords = {"current_password": current, "new_password": "blue penguin umbrella"}
    return scene.call(commands.change_password, scene.authority, KEYS.cipher, caller, **passwords)


@IDENTITY.case(commands.change_password)
async def changing_the_password(scene: Scene) -> tuple[Act, Expected]:
    ann, _ = await logged_in(scene, scene.ann)
    elsewhere, _ = await logged_in(scene, scene.ann)
    ended = [[str(elsewhere.session_id)], []]
    told = about(Action.PASSWORD_CHANGED, ann, password=["changed", "changed"], session_ids=ended)
    return new_password(scene, ann, PASSWORD), [told]


def unproved(caller: Caller) -> Told:
    told = about(Action.PROVED, caller, reason=[None, "WRONG_PASSWORD"])
    told.outcome = "refused"
    return told


@IDENTITY.case(commands.change_password)
async def changing_the_password_without_knowing_it(scene: Scene) -> tuple[Act, Expected]:
    return new_password(scene, scene.ann, "canary-password"), [unproved(scene.ann)]


@IDENTITY.case(step_up.step_up)
async def stepping_up(scene: Scene) -> tuple[Act, Expected]:
    ann, _ = await logged_in(scene, scene.ann)
    act = scene.call(step_up.step_up, scene.authority, KEYS, ann, PASSWORD)
    return act, [about(Action.PROVED, ann)]


@IDENTITY.case(step_up.step_up)
async def stepping_up_with_a_wrong_password(scene: Scene) -> tuple[Act, Expected]:
    ann, _ = await logged_in(scene, scene.ann)
    return scene.call(step_up.step_up, scene.authority, KEYS, ann, "canary-password"), [unproved(ann)]


@IDENTITY.case(step_up.prove_password)
async def proving_a_password(scene: Scene) -> tuple[Act, Expected]:
    """What it was proved for tells itself."""
    return scene.call(step_up.prove_password, scene.authority, scene.ann, PASSWORD, field="password"), []


@IDENTITY.case(rotation.refresh)
async def refreshing(scene: Scene) -> tuple[Act, Expected]:
    """Every quarter of an hour for everybody: the session that it goes on with is in the log already."""
    _, refresh_token = await logged_in(scene, scene.ann)
    return scene.call(rotation.refresh, scene.authority, refresh_token), []


async def used_long_ago(scene: Scene) -> tuple[Caller, str]:
    ann, refresh_token = await logged_in(scene, scene.ann)
    await rotation.refresh(scene.database, scene.authority, refresh_token)
    await let_time_pass_since_use(scene.database, refresh_token, timedelta(seconds=11))
    return ann, refresh_token


@IDENTITY.case(rotation.refresh)
async def refreshing_with_a_token_of_long_ago(scene: Scene) -> tuple[Act, Expected]:
    ann, refresh_token = await used_long_ago(scene)
    told = about(Action.REFRESH_TOKEN_REUSED, ann, session_ids=[[str(ann.session_id)], []])
    told.actor = None
    return scene.call(rotation.refresh, scene.authority, refresh_token), [told]


@IDENTITY.case(rotation.end)
async def ending_a_session_by_its_refresh_token(scene: Scene) -> tuple[Act, Expected]:
    ann, refresh_token = await logged_in(scene, scene.ann)
    told = about(Action.LOGGED_OUT, ann, session_ids=[[str(ann.session_id)], []])
    return scene.call(rotation.end, refresh_token), [told]


@IDENTITY.case(rotation.end)
async def ending_no_session(scene: Scene) -> tuple[Act, Expected]:
    return scene.call(rotation.end, "unknown"), []


@IDENTITY.case(administration.change_access)
async def deactivating(scene: Scene) -> tuple[Act, Expected]:
    admin = await scene.administrator()
    told = Told(Action.ACCESS_CHANGED, admin, Subject("user", scene.ann.user_id), {"is_active": [True, False]})
    change = AccessChange(is_active=False)
    return scene.call(administration.change_access, admin, scene.ann.user_id, change), [told]


@IDENTITY.case(administration.change_access)
async def giving_roles(scene: Scene) -> tuple[Act, Expected]:
    admin = await scene.administrator()
    told = Told(Action.ACCESS_CHANGED, admin, Subject("user", scene.ann.user_id), {"roles": [[], ["admin"]]})
    change = AccessChange(roles=["admin"])
    return scene.call(administration.change_access, admin, scene.ann.user_id, change), [told]


@IDENTITY.case(administration.change_access)
async def changing_nothing(scene: Scene) -> tuple[Act, Expected]:
    admin = await scene.administrator()
    return scene.call(administration.change_access, admin, scene.ann.user_id, AccessChange(is_active=True)), []


@IDENTITY.case(administration.appoint)
async def appointing(scene: Scene) -> tuple[Act, Expected]:
    email = (await account(scene, scene.ann)).email
    told = Told(Action.ACCESS_CHANGED, None, Subject("user", scene.ann.user_id), {"roles": [[], ["admin"]]})
    return scene.call(administration.appoint, email), [told]
