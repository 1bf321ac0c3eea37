"""Exports of what is known about a person: what the log says of them."""

from datetime import timedelta
from typing import Any

from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.exports import building, commands
from app.domain.exports.export import Archive, Export
from app.domain.ids import ExportId, uuid7
from app.domain.users import repository as users_repository
from app.domain.users.caller import Caller
from app.field_encryption import field_cipher
from app.settings import load_settings
from tests.domain.audit.telling import Act, Expected, Scene, Table, Told
from tests.team_factories import logged_in

EXPORTS = Table(unaudited={commands.purge: "archives that have expired, and what was known of them"})

CIPHER = field_cipher(load_settings().encryption)
KEPT = timedelta(hours=24)


async def ann_in_a_session(scene: Scene) -> Caller:
    await scene.behind("DELETE FROM exports")
    user = await users_repository.by_id(scene.database.reader, scene.ann.user_id)
    assert user is not None
    return await logged_in(scene.database, scene.authority, user)


async def asked(scene: Scene) -> tuple[Caller, Export]:
    ann = await ann_in_a_session(scene)
    return ann, await commands.ask(scene.database, ann)


def about_ann(action: Action, scene: Scene, export: Export) -> Told:
    return Told(action, None, Subject("user", scene.ann.user_id), {"export_id": [None, str(export.id)]})


@EXPORTS.case(commands.ask)
async def asking_for_one(scene: Scene) -> tuple[Act, Expected]:
    ann = await ann_in_a_session(scene)

    def told(export: Export) -> list[Told]:
        return [Told(Action.EXPORT_ASKED, ann, Subject("export", export.id))]

    return scene.call(commands.ask, ann), told


@EXPORTS.case(commands.ask)
async def asking_again_while_one_is_under_way(scene: Scene) -> tuple[Act, Expected]:
    ann, _ = await asked(scene)
    return scene.call(commands.ask, ann), []


@EXPORTS.case(building.build_due)
async def building_one(scene: Scene) -> tuple[Act, Expected]:
    _, export = await asked(scene)
    return scene.call(building.build_due, CIPHER, kept=KEPT), [about_ann(Action.EXPORT_BUILT, scene, export)]


@EXPORTS.case(building.build_due)
async def giving_one_up(scene: Scene) -> tuple[Act, Expected]:
    _, export = await asked(scene)
    await scene.behind("UPDATE exports SET attempts = 100")
    return scene.call(building.build_due, CIPHER, kept=KEPT), [about_ann(Action.EXPORT_GIVEN_UP, scene, export)]


@EXPORTS.case(commands.open_archive)
async def fetching_one(scene: Scene) -> tuple[Act, Expected]:
    ann, export = await asked(scene)
    await building.build_due(scene.database, CIPHER, kept=KEPT)

    def told(archive: Archive) -> list[Told]:
        assert archive.export_id == export.id
        return [Told(Action.EXPORT_FETCHED, ann, Subject("export", export.id))]

    return scene.call(commands.open_archive, CIPHER, ann, export.id), told


@EXPORTS.case(commands.open_archive)
async def fetching_what_is_not_there(scene: Scene) -> tuple[Act, Expected]:
    ann, _ = await asked(scene)
    arguments: tuple[Any, ...] = (CIPHER, ann, ExportId(uuid7()))
    return scene.call(commands.open_archive, *arguments), []
