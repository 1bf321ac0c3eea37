"""What people may know about their own sessions."""

from app.database.executor import Database
from app.domain.identity import commands, queries
from app.domain.pages import PageRequest
from tests.domain.identity.clocks import let_absolute_expiry_pass, let_idle_expiry_pass
from tests.domain.identity.conftest import NewVisitor


class TestSessions:
    async def test_live_ones_are_shown_newest_first(self, database: Database, new_visitor: NewVisitor) -> None:
        first = await new_visitor()
        others = [await new_visitor(first.user) for _ in range(5)]
        await commands.log_out(database, others[0].caller)
        await let_idle_expiry_pass(database, others[1].caller.own_session)
        await let_absolute_expiry_pass(database, others[2].caller.own_session)
        page = await queries.sessions(database.reader, first.caller, PageRequest(10))
        assert [session.id for session in page.items] == [
            visitor.caller.own_session for visitor in (others[4], others[3], first)
        ]

    async def test_those_of_others_are_not(self, database: Database, new_visitor: NewVisitor) -> None:
        ann, _ = await new_visitor(), await new_visitor()
        page = await queries.sessions(database.reader, ann.caller, PageRequest(10))
        assert [session.id for session in page.items] == [ann.caller.own_session]

    async def test_pages_go_on_and_back(self, database: Database, new_visitor: NewVisitor) -> None:
        ann = await new_visitor()
        for _ in range(4):
            await new_visitor(ann.user)
        whole = await queries.sessions(database.reader, ann.caller, PageRequest(10), with_total=True)
        assert whole.total == 5
        first = await queries.sessions(database.reader, ann.caller, PageRequest(2))
        second = await queries.sessions(database.reader, ann.caller, PageRequest(2, first.next))
        third = await queries.sessions(database.reader, ann.caller, PageRequest(2, second.next))
        assert [*first.items, *second.items, *third.items] == whole.items
        back = await queries.sessions(database.reader, ann.caller, PageRequest(2, third.previous))
        assert back.items == second.items

    async def test_a_page_is_one_statement(self, database: Database, new_visitor: NewVisitor) -> None:
        ann = await new_visitor()
        with database.observed() as statements:
            await queries.sessions(database.reader, ann.caller, PageRequest(10))
        assert statements == ["sessions.page"]
