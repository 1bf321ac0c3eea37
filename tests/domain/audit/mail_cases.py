"""What is done with mailed tokens: what the log says of it."""

from uuid import uuid4

from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.identity import email_changes, password_resets, registrations
from app.domain.identity.letters import Letters
from app.domain.identity.registrations import Registration
from app.domain.users.caller import Caller
from app.field_encryption import field_cipher
from app.settings import load_settings
from tests.domain.audit.identity_cases import about, account, logged_in, registered
from tests.domain.audit.telling import Act, Expected, Scene, Table, Told
from tests.domain.identity.mailing import mailed
from tests.factories import PASSWORD
from tests.messages import Outbox

CIPHER = field_cipher(load_settings(ENVIRONMENT="test").encryption)
LETTERS = Letters(CIPHER, "https://app.example.com")
NEW_PASSWORD = "blue canary umbrella"

MAIL = Table(
    unaudited={
        registrations.register: "nobody is there yet; what comes of it tells itself",
        registrations.resend: "as above",
    }
)


def some_address() -> str:
    return f"{uuid4().hex}@example.com"


async def token_for(scene: Scene, email: str) -> str:
    return await mailed(Outbox(scene.database, CIPHER), email)


@MAIL.case(registrations.confirm)
async def confirming_a_registration(scene: Scene) -> tuple[Act, Expected]:
    email = some_address()
    await registrations.register(scene.database, scene.authority, LETTERS, Registration(email, "Ann", PASSWORD))
    token = await token_for(scene, email)
    return scene.call(registrations.confirm, scene.authority, token, password=PASSWORD), registered


@MAIL.case(registrations.confirm)
async def confirming_nothing(scene: Scene) -> tuple[Act, Expected]:
    return scene.call(registrations.confirm, scene.authority, "canary", password=PASSWORD), []


@MAIL.case(password_resets.ask)
async def asking_for_a_new_password(scene: Scene) -> tuple[Act, Expected]:
    """Who asks is not known."""
    told = Told(Action.PASSWORD_RESET_ASKED, None, Subject("user", scene.ann.user_id))
    return scene.call(password_resets.ask, LETTERS, (await account(scene, scene.ann)).email), [told]


@MAIL.case(password_resets.ask)
async def asking_for_that_of_nobody(scene: Scene) -> tuple[Act, Expected]:
    told = Told(Action.PASSWORD_RESET_ASKED, None, None)
    return scene.call(password_resets.ask, LETTERS, f"canary-{some_address()}"), [told]


@MAIL.case(password_resets.reset)
async def choosing_a_new_password(scene: Scene) -> tuple[Act, Expected]:
    ann, _ = await logged_in(scene, scene.ann)
    email = (await account(scene, ann)).email
    await password_resets.ask(scene.database, LETTERS, email)
    token = await token_for(scene, email)
    changed = {"password": ["changed", "changed"], "session_ids": [[str(ann.own_session)], []]}
    act = scene.call(password_resets.reset, scene.authority, LETTERS, token, new_password=NEW_PASSWORD)
    return act, [about(Action.PASSWORD_RESET, ann, **changed)]


@MAIL.case(password_resets.reset)
async def choosing_one_with_nothing(scene: Scene) -> tuple[Act, Expected]:
    return scene.call(password_resets.reset, scene.authority, LETTERS, "canary", new_password=NEW_PASSWORD), []


async def moving(scene: Scene) -> tuple[Caller, dict[str, list[str]]]:
    """Ann in a fresh session, and the address that she has and will have."""
    ann, _ = await logged_in(scene, scene.ann)
    return ann, {"email": [(await account(scene, ann)).email, some_address()]}


@MAIL.case(email_changes.ask)
async def asking_for_another_address(scene: Scene) -> tuple[Act, Expected]:
    ann, changed = await moving(scene)
    told = about(Action.EMAIL_CHANGE_ASKED, ann, email=["changed", "changed"])
    return scene.call(email_changes.ask, LETTERS, ann, changed["email"][1]), [told]


@MAIL.case(email_changes.confirm)
async def confirming_another_address(scene: Scene) -> tuple[Act, Expected]:
    ann, changed = await moving(scene)
    await email_changes.ask(scene.database, LETTERS, ann, changed["email"][1])
    token = await token_for(scene, changed["email"][1])
    return scene.call(email_changes.confirm, LETTERS, ann, token), [about(Action.EMAIL_CHANGED, ann, **changed)]


@MAIL.case(email_changes.confirm)
async def confirming_no_address(scene: Scene) -> tuple[Act, Expected]:
    return scene.call(email_changes.confirm, LETTERS, scene.ann, "canary"), []
