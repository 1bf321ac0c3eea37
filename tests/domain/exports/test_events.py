"""What the security log says of a person, in their archive: nothing of others but that there was somebody."""

import asyncio
from typing import Any

from app.database.executor import Database
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.commands import NOTHING
from app.domain.audit.entry import Changes, Subject
from app.domain.ids import UserId
from app.domain.teams import commands as team_commands
from app.domain.teams.policy import Role
from app.domain.unit_of_work import unit_of_work
from app.field_encryption import FieldCipher
from app.telemetry.request_origin import of_request
from tests.domain.exports.archives import Read, exported
from tests.domain.exports.household import House

HERE, ELSEWHERE = "192.0.2.1", "198.51.100.99"


async def record(
    database: Database,
    action: Action,
    actor: UserId | None,
    subject: Subject | None,
    *,
    changed: Changes = NOTHING,
    address: str = HERE,
) -> None:
    """One entry, as a request from this address leaves it."""

    async def request() -> None:
        of_request({"request_id": f"request-from-{address}", "client_address": address})
        async with unit_of_work(database) as work:
            audit.record(work, action, actor=actor, subject=subject, changed=changed)

    await asyncio.create_task(request())  # Else the rest of the test would be of the same request.


def events(read: Read, action: Action) -> list[dict[str, Any]]:
    return [line for line in read.lines("events") if line["action"] == action]


class TestEvents:
    async def test_what_she_did_is_told_with_where_from(
        self, database: Database, cipher: FieldCipher, house: House
    ) -> None:
        ann = house.ann.user_id
        await record(database, Action.PROVED, ann, Subject("user", ann))
        read = await exported(database, cipher, house.ann)
        (event,) = events(read, Action.PROVED)
        assert (event["by"], event["address"], event["request_id"]) == ("you", HERE, f"request-from-{HERE}")
        assert (event["subject_kind"], event["subject_id"]) == ("user", str(ann))

    async def test_what_others_did_to_her_is_told_without_who_and_where_from(
        self, database: Database, cipher: FieldCipher, house: House
    ) -> None:
        ann, bob = house.ann.user_id, house.bob.user_id
        told: Changes = {"roles": ([], ["admin"])}
        await record(database, Action.ACCESS_CHANGED, bob, Subject("user", ann), changed=told, address=ELSEWHERE)
        await record(database, Action.ACCESS_REFUSED, bob, Subject("member", ann), address=ELSEWHERE)
        await record(database, Action.LOGGED_IN, None, Subject("user", ann), address=ELSEWHERE)
        read = await exported(database, cipher, house.ann)
        (changed,) = events(read, Action.ACCESS_CHANGED)
        assert (changed["by"], changed["changed"]) == ("another person", {"roles": [[], ["admin"]]})
        assert [event["by"] for event in events(read, Action.ACCESS_REFUSED)] == ["another person"]
        assert "anonymous" in [event["by"] for event in events(read, Action.LOGGED_IN)]
        assert ELSEWHERE not in read.text
        assert str(bob) not in read.text

    async def test_what_she_did_to_others_is_told_without_whom(
        self, database: Database, cipher: FieldCipher, house: House
    ) -> None:
        ann, bob = house.ann.user_id, house.bob.user_id
        told: Changes = {"roles": (["canary"], [])}
        await record(database, Action.ACCESS_CHANGED, ann, Subject("user", bob), changed=told)
        await record(database, Action.AUDIT_READ, ann, None, changed={"actor_id": (None, bob)})
        blocked: Changes = {"address": (None, ELSEWHERE)}
        await record(database, Action.ADDRESS_BLOCKED, ann, Subject("block", "some-id"), changed=blocked)
        await team_commands.change_role(database, house.ann, house.household.id, bob, Role.ADMIN)
        assigned: Changes = {"assignee_id": (ann, bob), "status": ("open", "done")}
        await record(database, Action.TODO_CHANGED, ann, Subject("todo", "some-todo"), changed=assigned)
        read = await exported(database, cipher, house.ann)
        (event,) = events(read, Action.ACCESS_CHANGED)
        assert (event["by"], event["subject_kind"]) == ("you", "user")
        assert event["subject_id"] is event["changed"] is None
        assert [event["changed"] for event in events(read, Action.ADDRESS_BLOCKED)] == [None]
        assert [event["changed"] for event in events(read, Action.AUDIT_READ)] == [None]
        assert len(events(read, Action.MEMBER_ROLE_CHANGED)) == 1
        (todo,) = events(read, Action.TODO_CHANGED)
        assert todo["changed"] == {"assignee_id": [str(ann), "another person"], "status": ["open", "done"]}
        for hidden in ("canary", ELSEWHERE, str(bob)):
            assert hidden not in read.text

    async def test_what_is_between_others_is_not_told(
        self, database: Database, cipher: FieldCipher, house: House
    ) -> None:
        bob = house.bob.user_id
        await record(database, Action.TEAM_CHANGED, bob, Subject("team", house.club.id))
        await record(database, Action.PROVED, bob, Subject("user", bob))
        read = await exported(database, cipher, house.ann)
        assert events(read, Action.TEAM_CHANGED) == events(read, Action.PROVED) == []

    async def test_that_she_asked_for_the_archive_is_in_it(
        self, database: Database, cipher: FieldCipher, house: House
    ) -> None:
        read = await exported(database, cipher, house.ann)
        (asked,) = events(read, Action.EXPORT_ASKED)
        assert (asked["subject_kind"], asked["subject_id"]) == ("export", read.line("exports")["id"])
