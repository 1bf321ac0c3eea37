"""The list of one's sessions: what they are called, ending the others, and how many there may be."""

import asyncio
from dataclasses import replace

import pytest
from msgspec import structs
from sqlalchemy import Integer, bindparam, func, select, update

from app.database.executor import Database
from app.database.schema import uuid
from app.database.statements import Change, Query, scalar
from app.domain.errors import Invalid, NotFound
from app.domain.identity import commands, queries
from app.domain.identity.authority import Authority
from app.domain.identity.devices import checked_label, label_from
from app.domain.identity.gate import SessionGate
from app.domain.identity.repository import LIVE
from app.domain.identity.tables import sessions
from app.domain.ids import SessionId, UserId
from app.domain.users.user import User
from tests.domain.identity import stored
from tests.domain.identity.clocks import let_idle_expiry_pass
from tests.domain.identity.conftest import NewVisitor, Visitor
from tests.factories import make_user, open_session

_LIVING = Query(
    "tests.living", select(sessions.c.id).where(sessions.c.user_id == bindparam("id", type_=uuid), LIVE), scalar
)
_SEEN = Change(
    "tests.seen",
    update(sessions)
    .where(sessions.c.id == bindparam("session_id", type_=uuid))
    .values(last_seen_at=func.now() - func.make_interval(0, 0, 0, 0, bindparam("hours", type_=Integer))),
    scalar,
)


async def living(database: Database, user_id: UserId) -> set[SessionId]:
    return set(await database.reader.all(_LIVING, id=user_id))


async def let_be_unseen_for(database: Database, session_id: SessionId, *, hours: int) -> None:
    async with database.transaction() as work:
        await work.run(_SEEN, session_id=session_id, hours=hours)


class TestLabelFrom:
    @pytest.mark.parametrize(
        ("user_agent", "label"),
        [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            (
                (
                    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 "
                    "Safari/537.36 Edg/141.0.0.0"
                ),
                "Edge on Windows",
            ),
            (
                (
                    "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile "
                    "Safari/537.36"
                ),
                "Chrome on Android",
            ),
            (
                (
                    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
                    "Version/19.0 Mobile/15E148 Safari/604.1"
                ),
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/19.0 Safari/605.1.15",
                "Safari on macOS",
            ),
            ("curl/8.12", "curl"),
            ("python-httpx/0.28", "python-httpx"),
            ("x" * 200, "x" * 100),
            ("/", "Unknown device"),
            ("", "Unknown device"),
        ],
    )
    def test_it_names_what_people_recognise(self, user_agent: str, label: str) -> None:
        assert label_from(user_agent) == label


class TestLabel:
    async def test_it_is_shown_until_it_is_taken_away(self, database: Database, visitor: Visitor) -> None:
        here = visitor.caller.own_session
        named = await commands.label_session(database, visitor.caller, here, "  My phone ")
        assert named.label == "My phone"
        assert await queries.session(database.reader, visitor.caller, here) == named
        assert await commands.label_session(database, visitor.caller, here, None) == structs.replace(named, label=None)

    async def test_that_of_somebody_else_does_not_exist(self, database: Database, new_visitor: NewVisitor) -> None:
        ann, bob = await new_visitor(), await new_visitor()
        with pytest.raises(NotFound):
            await commands.label_session(database, ann.caller, bob.caller.own_session, "Mine")
        with pytest.raises(NotFound):
            await queries.session(database.reader, ann.caller, bob.caller.own_session)
        session = await stored.session(database, bob.caller.own_session)
        assert session is not None
        assert session.label is None

    async def test_one_that_has_ended_does_not_exist_any_more(self, database: Database, visitor: Visitor) -> None:
        await let_idle_expiry_pass(database, visitor.caller.own_session)
        with pytest.raises(NotFound):
            await commands.label_session(database, visitor.caller, visitor.caller.own_session, "Mine")

    @pytest.mark.parametrize("label", ["", " ", "x" * 101, "a\nb", "a\u202eb", "\x00"])
    def test_what_cannot_be_shown_on_a_line_is_refused(self, label: str) -> None:
        with pytest.raises(Invalid) as caught:
            checked_label(label)
        assert caught.value.fields[0].pointer == "#/label"


class TestLogOutOthers:
    async def test_this_one_stays(self, database: Database, gate: SessionGate, new_visitor: NewVisitor) -> None:
        here, stranger = await new_visitor(), await new_visitor()
        others = [await new_visitor(here.user) for _ in range(2)]
        await commands.log_out_others(database, here.caller)
        for other in others:
            assert await stored.ending(database, other.caller.own_session) == "logout_others"
        for kept in (here, stranger):
            assert await gate.caller(kept.tokens.access_token) == kept.caller


class TestBound:
    @pytest.fixture
    def frugal(self, authority: Authority) -> Authority:
        """Three sessions for each user."""
        return replace(authority, sessions_per_user=3)

    @pytest.fixture
    async def user(self, database: Database) -> User:
        return await make_user(database)

    async def test_the_one_that_was_not_seen_for_longest_ends(
        self, database: Database, gate: SessionGate, frugal: Authority, user: User
    ) -> None:
        first, second, third = [
            (await gate.caller((await open_session(database, frugal, user)).access_token)).own_session for _ in range(3)
        ]
        await let_be_unseen_for(database, second, hours=2)
        await let_be_unseen_for(database, first, hours=1)
        fourth = await gate.caller((await open_session(database, frugal, user)).access_token)
        assert await living(database, user.id) == {first, third, fourth.session_id}
        assert await stored.ending(database, second) == "too_many"

    async def test_a_new_one_is_never_the_one_that_ends(
        self, database: Database, gate: SessionGate, authority: Authority, user: User
    ) -> None:
        single = replace(authority, sessions_per_user=1)
        for _ in range(3):
            caller = await gate.caller((await open_session(database, single, user)).access_token)
            assert await living(database, user.id) == {caller.own_session}

    async def test_those_that_have_ended_do_not_count(
        self, database: Database, gate: SessionGate, frugal: Authority, user: User
    ) -> None:
        callers = [await gate.caller((await open_session(database, frugal, user)).access_token) for _ in range(3)]
        await commands.log_out(database, callers[0])
        await open_session(database, frugal, user)
        assert {caller.own_session for caller in callers[1:]} < await living(database, user.id)

    async def test_those_of_others_do_not_count(
        self, database: Database, frugal: Authority, user: User, new_visitor: NewVisitor
    ) -> None:
        stranger = await new_visitor()
        for _ in range(4):
            await open_session(database, frugal, user)
        assert await living(database, stranger.user.id) == {stranger.caller.own_session}

    async def test_twenty_logins_at_once_leave_no_more(self, database: Database, frugal: Authority, user: User) -> None:
        opened = await asyncio.gather(*(open_session(database, frugal, user) for _ in range(20)))
        assert len({tokens.access_token for tokens in opened}) == 20
        assert len(await living(database, user.id)) == 3
