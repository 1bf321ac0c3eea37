"""What the service and its operator do by themselves."""

from app.domain.audit import commands as audit
from app.domain.audit import verification
from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.audit.list_repository import AuditFilter
from app.domain.encryption import commands as encryption
from app.domain.messages import commands as messages
from app.domain.messages.message import Message
from app.domain.pages import PageRequest
from app.domain.unit_of_work import unit_of_work
from tests.domain.audit.telling import Act, Expected, Scene, Table, Told
from tests.domain.encryption.test_rotate import BEFORE, BOTH

SERVICE = Table(
    unaudited={
        messages.deliver: "whoever has a message sent tells it",
        messages.purge: "what has been delivered or given up for a week is of no use to anybody",
        audit.make_months: "room for what is to come",
        verification.witness: "it only reads",
        audit.drop_old_months: "the database tells it by itself",
    }
)


@SERVICE.case(encryption.rotate)
async def rotating_the_keys(scene: Scene) -> tuple[Act, Expected]:
    message = Message(kind="test", channel="mail", to="ann@example.com", subject="x", text="canary")
    async with unit_of_work(scene.database) as work:
        await messages.send(work, BEFORE, message)
    told = [
        Told(Action.KEYS_ROTATED, None, Subject("column", f"messages.{column}"), {"values": [None, 1]})
        for column in ("recipient", "subject", "content")
    ]
    return scene.call(encryption.rotate, BOTH), told


@SERVICE.case(audit.read)
async def reading_the_log(scene: Scene) -> tuple[Act, Expected]:
    filters = AuditFilter(action=Action.LOGGED_IN.value, outcome="refused")
    told = Told(Action.AUDIT_READ, scene.ann, None, {"action": [None, "session.opened"], "outcome": [None, "refused"]})
    return scene.call(audit.read, scene.ann.user_id, PageRequest(limit=1), filters=filters), [told]
