"""What the service and its operator do by themselves."""

from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.encryption import commands as encryption
from app.domain.messages import commands as messages
from app.domain.messages.message import Message
from app.domain.unit_of_work import unit_of_work
from tests.domain.audit.telling import Act, Expected, Scene, Table, Told
from tests.domain.encryption.test_rotate import BEFORE, BOTH

SERVICE = Table(
    unaudited={
        messages.deliver: "whoever has a message sent tells it",
        messages.purge: "what has been delivered or given up for a week is of no use to anybody",
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
