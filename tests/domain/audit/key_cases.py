"""API keys, and what administrators end for others: what the log says of them."""

from typing import Any

from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.identity import api_key_commands as commands
from app.domain.identity import oversight
from app.domain.identity.api_key import ApiKeyDraft, Issued
from app.domain.ids import ApiKeyId, SessionId, uuid7
from app.domain.users import repository as users_repository
from app.domain.users.caller import Caller
from app.domain.users.user import User
from tests.api_key_factories import make_api_key
from tests.domain.audit.telling import Act, Expected, Scene, Table, Told
from tests.team_factories import logged_in

KEYS = Table(unaudited={commands.purge_ended: "what it deletes ended long before"})

DRAFT = ApiKeyDraft("canary: what people call their keys", ["todos:read", "tags:read"])


async def user_of(scene: Scene) -> User:
    user = await users_repository.by_id(scene.database.reader, scene.ann.user_id)
    assert user is not None
    return user


async def ann_with_a_key(scene: Scene) -> tuple[Caller, Issued]:
    user = await user_of(scene)
    return await logged_in(scene.database, scene.authority, user), await make_api_key(scene.database, user)


def about_key(action: Action, caller: Caller, key_id: ApiKeyId, **changed: Any) -> Told:
    return Told(action, caller, Subject("api-key", key_id), changed)


def about_ann(action: Action, caller: Caller, scene: Scene, **changed: Any) -> Told:
    return Told(action, caller, Subject("user", scene.ann.user_id), changed)


@KEYS.case(commands.create)
async def making_a_key(scene: Scene) -> tuple[Act, Expected]:
    ann = await logged_in(scene.database, scene.authority, await user_of(scene))

    def told(issued: Issued) -> list[Told]:
        scopes = [None, ["tags:read", "todos:read"]]
        return [about_key(Action.API_KEY_CREATED, ann, issued.api_key.id, scopes=scopes)]

    return scene.call(commands.create, ann, DRAFT), told


@KEYS.case(commands.create)
async def making_a_key_beyond_ones_role(scene: Scene) -> tuple[Act, Expected]:
    ann = await logged_in(scene.database, scene.authority, await user_of(scene))
    return scene.call(commands.create, ann, ApiKeyDraft("x", ["users:read"])), []


@KEYS.case(commands.rotate)
async def replacing_a_key(scene: Scene) -> tuple[Act, Expected]:
    ann, old = await ann_with_a_key(scene)

    def told(new: Issued) -> list[Told]:
        ids = [str(old.api_key.id), str(new.api_key.id)]
        return [about_key(Action.API_KEY_ROTATED, ann, old.api_key.id, api_key_id=ids)]

    return scene.call(commands.rotate, ann, old.api_key.id), told


@KEYS.case(commands.revoke)
async def revoking_a_key(scene: Scene) -> tuple[Act, Expected]:
    ann, issued = await ann_with_a_key(scene)
    told = about_key(Action.API_KEY_REVOKED, ann, issued.api_key.id)
    return scene.call(commands.revoke, ann, issued.api_key.id), [told]


@KEYS.case(commands.revoke)
async def revoking_what_is_none(scene: Scene) -> tuple[Act, Expected]:
    ann, _ = await ann_with_a_key(scene)
    return scene.call(commands.revoke, ann, ApiKeyId(uuid7())), []


@KEYS.case(oversight.end_session)
async def ending_a_session(scene: Scene) -> tuple[Act, Expected]:
    boss, (ann, _) = await scene.administrator(), await ann_with_a_key(scene)
    told = about_ann(Action.SESSION_REVOKED, boss, scene, session_ids=[[str(ann.own_session)], []])
    return scene.call(oversight.end_session, boss, ann.user_id, ann.own_session), [told]


@KEYS.case(oversight.end_session)
async def ending_a_session_that_never_was(scene: Scene) -> tuple[Act, Expected]:
    boss = await scene.administrator()
    return scene.call(oversight.end_session, boss, scene.ann.user_id, SessionId(uuid7())), []


@KEYS.case(oversight.end_sessions)
async def ending_all_sessions(scene: Scene) -> tuple[Act, Expected]:
    boss, (ann, _) = await scene.administrator(), await ann_with_a_key(scene)
    told = about_ann(Action.SESSION_REVOKED, boss, scene, session_ids=[[str(ann.own_session)], []])
    return scene.call(oversight.end_sessions, boss, ann.user_id), [told]


@KEYS.case(oversight.end_sessions)
async def ending_sessions_of_somebody_who_has_none(scene: Scene) -> tuple[Act, Expected]:
    return scene.call(oversight.end_sessions, await scene.administrator(), scene.ann.user_id), []


@KEYS.case(oversight.revoke_api_key)
async def revoking_a_key_of_somebody(scene: Scene) -> tuple[Act, Expected]:
    boss, (_, issued) = await scene.administrator(), await ann_with_a_key(scene)
    told = about_ann(Action.API_KEY_REVOKED, boss, scene, api_key_ids=[[str(issued.api_key.id)], []])
    return scene.call(oversight.revoke_api_key, boss, scene.ann.user_id, issued.api_key.id), [told]


@KEYS.case(oversight.revoke_api_keys)
async def revoking_all_keys_of_somebody(scene: Scene) -> tuple[Act, Expected]:
    boss, (_, issued) = await scene.administrator(), await ann_with_a_key(scene)
    told = about_ann(Action.API_KEY_REVOKED, boss, scene, api_key_ids=[[str(issued.api_key.id)], []])
    return scene.call(oversight.revoke_api_keys, boss, scene.ann.user_id), [told]


@KEYS.case(oversight.revoke_api_keys)
async def revoking_keys_of_somebody_who_has_none(scene: Scene) -> tuple[Act, Expected]:
    return scene.call(oversight.revoke_api_keys, await scene.administrator(), scene.ann.user_id), []
