"""What is recorded is written with the change, whole or not at all, and says nothing that is secret."""

import asyncio
from uuid import uuid4

import pytest
from msgspec import Struct

from app.database.errors import ConstraintViolated
from app.database.executor import Database
from app.domain.audit import commands as audit
from app.domain.audit import entry
from app.domain.audit.action import Action
from app.domain.audit.entry import ActorKind, Outcome, Subject, differences, entry_of
from app.domain.ids import TeamId, UserId
from app.domain.pages import PageRequest
from app.domain.teams.repository import insert_shared, page
from app.domain.unit_of_work import unit_of_work
from app.settings import load_settings
from app.telemetry import request_origin
from tests.domain.audit.log_read import by_actor
from tests.factories import make_user

WORST = "'; DROP TABLE audit_log; -- \\' $1 \" \x00 {} %s 🦉 \u2028"


@pytest.fixture
def somebody() -> UserId:
    return UserId(uuid4())


class TestRecord:
    async def test_it_says_who_did_what_to_whom_and_what_changed(self, database: Database, somebody: UserId) -> None:
        team_id, subject = TeamId(uuid4()), Subject("user", uuid4())
        async with unit_of_work(database) as work:
            audit.record(
                work,
                Action.ACCESS_CHANGED,
                actor=somebody,
                subject=subject,
                team_id=team_id,
                changed={"is_active": (True, False), "roles": (["admin"], [])},
            )
        (kept,) = await by_actor(database, somebody)
        assert (kept.action, kept.outcome, kept.actor_kind) == ("account.access_changed", "done", "user")
        assert (kept.subject, kept.team_id) == (("user", str(subject.id)), team_id)
        assert kept.changed == {"is_active": [True, False], "roles": [["admin"], []]}

    async def test_what_is_undone_was_never_recorded(self, database: Database, somebody: UserId) -> None:
        async def fail() -> None:
            async with unit_of_work(database) as work:
                audit.record(work, Action.LOGGED_OUT, actor=somebody)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        assert await by_actor(database, somebody) == []

    async def test_what_cannot_be_recorded_is_not_done(
        self, database: Database, somebody: UserId, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The log refuses the row, and so there is no team."""
        owner = await make_user(database)
        monkeypatch.setattr(entry, "_kind_of", lambda _actor, _origin: "martian")
        slug = f"martian-{uuid4()}"

        async def fail() -> None:
            async with unit_of_work(database) as work:
                await insert_shared(work, owner.id, TeamId(uuid4()), name="x", slug=slug)
                audit.record(work, Action.LOGGED_OUT, actor=somebody)

        with pytest.raises(ConstraintViolated, match="ck_audit_log_actor_kind"):
            await fail()
        assert await by_actor(database, somebody) == []
        assert [team.slug for team in await page(database.reader, owner.id, PageRequest(10)) if team.slug == slug] == []
        usage = database.pool.usage
        assert usage["open"] == usage["idle"]

    async def test_it_costs_no_statement(self, database: Database, somebody: UserId) -> None:
        with database.observed() as statements:
            async with unit_of_work(database) as work:
                for _ in range(3):
                    audit.record(work, Action.LOGGED_OUT, actor=somebody)
        assert statements == []
        assert len(await by_actor(database, somebody)) == 3

    async def test_any_text_comes_back_as_it_was(self, database: Database, somebody: UserId) -> None:
        subject = Subject("x'\"\\", "'); ROLLBACK; --")
        async with unit_of_work(database) as work:
            audit.record(work, Action.LOGGED_OUT, actor=somebody, subject=subject, changed={WORST: (WORST, None)})
        (kept,) = await by_actor(database, somebody)
        assert kept.changed == {WORST: [WORST, None]}
        assert kept.subject == (subject.kind, subject.id)

    async def test_many_at_once_lose_nothing(self, database: Database, somebody: UserId) -> None:
        async def one(number: int) -> None:
            async with unit_of_work(database) as work:
                audit.record(work, Action.LOGGED_OUT, actor=somebody, changed={"number": (None, number)})

        await asyncio.gather(*(one(number) for number in range(60)))
        kept = await by_actor(database, somebody)
        assert sorted(row.changed["number"][1] for row in kept) == list(range(60))


class TestSecrets:
    @pytest.mark.parametrize(
        "field", ["password", "new_password", "password_hash", "refresh_token", "totp_secret", "code", "recovery_codes"]
    )
    async def test_they_are_named_and_never_quoted(self, field: str, database: Database, somebody: UserId) -> None:
        async with unit_of_work(database) as work:
            audit.record(work, Action.PASSWORD_CHANGED, actor=somebody, changed={field: ("canary-1", ["canary-2"])})
        (kept,) = await by_actor(database, somebody)
        assert kept.changed == {field: ["changed", "changed"]}

    async def test_the_id_of_a_token_is_none(self, database: Database, somebody: UserId) -> None:
        token_id = uuid4()
        async with unit_of_work(database) as work:
            audit.record(work, Action.SESSION_REVOKED, actor=somebody, changed={"token_id": (token_id, None)})
        (kept,) = await by_actor(database, somebody)
        assert kept.changed == {"token_id": [str(token_id), None]}

    async def test_a_long_text_is_cut(self, database: Database, somebody: UserId) -> None:
        async with unit_of_work(database) as work:
            audit.record(work, Action.ACCESS_CHANGED, actor=somebody, changed={"name": ("a", "b" * 20_000)})
        (kept,) = await by_actor(database, somebody)
        assert kept.changed == {"name": ["a", "b" * 300 + "…"]}


class TestOrigin:
    async def test_a_request_says_where_it_came_from(self, database: Database, somebody: UserId) -> None:
        async def request() -> None:
            request_origin.of_request({"request_id": "r" * 32, "client_address": "2001:db8::7"})
            async with unit_of_work(database) as work:
                audit.record(work, Action.LOGGED_OUT, actor=somebody)

        await asyncio.create_task(request())
        (kept,) = await by_actor(database, somebody)
        assert (kept.request_id, kept.address, kept.actor_kind) == ("r" * 32, "2001:db8::7", "user")

    async def test_a_token_is_named(self, database: Database, somebody: UserId) -> None:
        token_id = uuid4()

        async def request() -> None:
            request_origin.of_request({"token_id": token_id})
            async with unit_of_work(database) as work:
                audit.record(work, Action.LOGGED_OUT, actor=somebody)

        await asyncio.create_task(request())
        (kept,) = await by_actor(database, somebody)
        assert (kept.actor_kind, kept.token_id) == ("token", token_id)

    async def test_without_an_actor_the_cause_says_who_it_was(self) -> None:
        async def kind() -> ActorKind:
            present = request_origin.origin()
            made = entry_of(
                Action.LOGGED_OUT,
                outcome=Outcome.DONE,
                actor=None,
                subject=None,
                team_id=None,
                changed={},
                origin=present,
            )
            return made.actor_kind

        async def of_request() -> ActorKind:
            request_origin.of_request({})
            return await kind()

        async def of_operator() -> ActorKind:
            request_origin.of_operator()
            return await kind()

        found = [await asyncio.create_task(way()) for way in (kind, of_request, of_operator)]
        assert found == [ActorKind.SYSTEM, ActorKind.ANONYMOUS, ActorKind.OPERATOR]


class TestRecordRefusal:
    async def test_it_stays_when_the_work_around_it_is_undone(self, database: Database, somebody: UserId) -> None:
        async def fail() -> None:
            async with unit_of_work(database):
                await audit.record_refusal(database, Action.ACCESS_REFUSED, actor=somebody)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        (kept,) = await by_actor(database, somebody)
        assert (kept.action, kept.outcome) == ("access.refused", "refused")

    async def test_without_a_database_the_refusal_is_still_only_that(self) -> None:
        database = Database(load_settings(DATABASE_URL="postgresql://nobody@127.0.0.1:1/none_test").database)
        await audit.record_refusal(database, Action.ACCESS_REFUSED)
        await database.close()


class _Thing(Struct):
    name: str
    text: str
    number: int = 0


class TestDifferences:
    def test_only_what_differs_is_said_and_what_people_write_is_only_named(self) -> None:
        before, after = _Thing("a", "x"), _Thing("b", "y")
        assert differences(before, after, "name", "number", named=("text",)) == {
            "name": ("a", "b"),
            "text": ("changed", "changed"),
        }

    def test_nothing_is_different_between_equals(self) -> None:
        assert differences(_Thing("a", "x"), _Thing("a", "x"), "name", "number", named=("text",)) == {}
