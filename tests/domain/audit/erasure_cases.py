"""The end of accounts: what the log says of it."""

from datetime import UTC, datetime, timedelta

from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.erasure import commands, scheduling
from app.domain.erasure.commands import Means
from app.domain.messages import commands as messages
from app.erasure_ledger import Erased, digest_of
from tests.domain.audit.identity_cases import account, logged_in
from tests.domain.audit.mail_cases import CIPHER, LETTERS, token_for
from tests.domain.audit.telling import Act, Expected, Scene, Table, Told

MEANS = Means(CIPHER)
DELAY = timedelta(days=7)
AT = datetime(2026, 11, 21, tzinfo=UTC)

ERASURE = Table(
    unaudited={
        scheduling.resend: "whoever asks is not known, and nothing comes of it but a mail",
        commands.close: "whom it shuts out was erased before, and the erasure that follows tells itself",
        messages.forget: "it is a part of an erasure, which tells itself",
    }
)


@ERASURE.case(scheduling.schedule)
async def asking_for_it(scene: Scene) -> tuple[Act, Expected]:
    ann, _ = await logged_in(scene, scene.ann)

    def told(due: datetime) -> list[Told]:
        moment = due.isoformat().replace("+00:00", "Z")
        changed = {"deletion_scheduled_at": [None, moment], "session_ids": [[str(ann.own_session)], []]}
        return [Told(Action.DELETION_SCHEDULED, ann, Subject("user", ann.user_id), changed)]

    return scene.call(scheduling.schedule, LETTERS, ann, delay=DELAY), told


@ERASURE.case(scheduling.schedule)
async def asking_as_an_administrator(scene: Scene) -> tuple[Act, Expected]:
    return scene.call(scheduling.schedule, LETTERS, await scene.administrator(), delay=DELAY), []


@ERASURE.case(scheduling.cancel)
async def calling_it_off(scene: Scene) -> tuple[Act, Expected]:
    ann, _ = await logged_in(scene, scene.ann)
    email = (await account(scene, ann)).email
    await scheduling.schedule(scene.database, LETTERS, ann, delay=DELAY)
    told = [Told(Action.DELETION_CANCELLED, ann, Subject("user", ann.user_id))]
    return scene.call(scheduling.cancel, LETTERS, await token_for(scene, email)), told


@ERASURE.case(scheduling.cancel)
async def calling_it_off_with_nothing(scene: Scene) -> tuple[Act, Expected]:
    return scene.call(scheduling.cancel, LETTERS, "canary"), []


def of_ann(scene: Scene) -> list[Told]:
    """Bob inherits her team. What became of her membership was taken out of the log with all that is about her."""
    ann, bob = (Subject("user", person.user_id) for person in (scene.ann, scene.bob))
    return [
        Told(Action.MEMBER_ROLE_CHANGED, None, bob, {"role": ["member", "owner"]}, scene.team.id),
        Told(Action.MEMBER_REMOVED, None, ann, {}, scene.team.id),
        Told(Action.ERASED, None, ann),
        Told(Action.PERSON_FORGOTTEN, None, ann),
    ]


@ERASURE.case(commands.erase_due)
async def erasing(scene: Scene) -> tuple[Act, Expected]:
    while await commands.erase_due(scene.database, MEANS):
        pass  # Whoever is due because of other tests.
    await scene.behind("UPDATE users SET deletion_scheduled_at = now() WHERE id = $1", scene.ann.user_id)
    return scene.call(commands.erase_due, MEANS), of_ann(scene)


@ERASURE.case(commands.replay)
async def erasing_again(scene: Scene) -> tuple[Act, Expected]:
    return scene.call(commands.replay, MEANS, [Erased(digest_of(scene.ann.user_id), AT)]), of_ann(scene)


@ERASURE.case(commands.erase)
async def erasing_somebody(scene: Scene) -> tuple[Act, Expected]:
    await commands.close(scene.database, [Erased(digest_of(scene.ann.user_id), AT)])
    return scene.call(commands.erase, MEANS, [scene.ann.user_id]), of_ann(scene)
