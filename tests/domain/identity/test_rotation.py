"""Refresh tokens: rotation, races, repetition, reuse, crashes."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta

import msgspec
import pytest

from app.database.errors import DatabaseUnavailable
from app.database.executor import Database, Transaction
from app.domain.errors import NotAuthenticated
from app.domain.identity import administration, commands, refresh_token_repository, rotation
from app.domain.identity.administration import AccessChange
from app.domain.identity.authority import Authority
from app.domain.identity.authority import authority as authority_of
from app.domain.identity.gate import SessionGate
from app.domain.identity.refresh_tokens import RefreshTokens, fingerprint
from app.domain.identity.session import Tokens
from app.settings import Settings, load_settings
from tests.domain.identity import stored
from tests.domain.identity.clocks import let_absolute_expiry_pass, let_idle_expiry_pass, let_time_pass_since_use
from tests.domain.identity.conftest import NewVisitor, Visitor
from tests.domain.identity.stored import ending, tokens_of

AFTER_GRACE = timedelta(seconds=11)
WITHIN_GRACE = timedelta(seconds=9)
OTHER_SECRET = "another secret of the service, long enough"


@pytest.fixture
def other_worker(settings: Settings) -> Iterator[Authority]:
    """The authority of another process, which shares nothing but the settings."""
    built = authority_of(settings.security)
    yield built
    built.close()


async def refusal(database: Database, authority: Authority, refresh_token: str) -> str:
    with pytest.raises(NotAuthenticated) as caught:
        await rotation.refresh(database, authority, refresh_token)
    return caught.value.code


class TestRefresh:
    async def test_it_gives_new_tokens_of_the_same_session(
        self, database: Database, authority: Authority, gate: SessionGate, visitor: Visitor
    ) -> None:
        new = await rotation.refresh(database, authority, visitor.tokens.refresh_token)
        assert new.refresh_token != visitor.tokens.refresh_token
        assert new.access_token != visitor.tokens.access_token
        assert await gate.caller(new.access_token) == visitor.caller

    async def test_the_successor_can_be_refreshed_again_and_again(
        self, database: Database, authority: Authority, visitor: Visitor
    ) -> None:
        seen, tokens = set[str](), visitor.tokens
        for _ in range(5):
            seen.add(tokens.refresh_token)
            tokens = await rotation.refresh(database, authority, tokens.refresh_token)
        assert len(seen) == 5

    async def test_it_moves_the_idle_expiry_but_not_beyond_the_absolute_one(
        self, database: Database, authority: Authority, visitor: Visitor
    ) -> None:
        patient = msgspec.structs.replace(authority.lifetimes, idle=timedelta(days=365))
        before = await stored.session(database, visitor.caller.own_session)
        await rotation.refresh(
            database, dataclasses.replace(authority, lifetimes=patient), visitor.tokens.refresh_token
        )
        after = await stored.session(database, visitor.caller.own_session)
        assert before is not None
        assert after is not None
        assert before.idle_expires_at < after.idle_expires_at == after.expires_at == before.expires_at
        assert after.last_seen_at > before.last_seen_at

    async def test_only_hashes_are_stored(self, database: Database, authority: Authority, visitor: Visitor) -> None:
        new = await rotation.refresh(database, authority, visitor.tokens.refresh_token)
        stored = await tokens_of(database, visitor.caller.own_session)
        expected = {fingerprint(visitor.tokens.refresh_token), fingerprint(new.refresh_token)}
        assert set(stored) == expected
        assert all(len(token_hash) == 32 for token_hash in stored)

    @pytest.mark.parametrize("token", ["", "nonsense", "R0CkQ50jXOU3GHiAaDUYNcY5fFU-rNp5z7E9fjXxnok", "ключ"])
    async def test_a_token_that_was_never_issued_is_refused(
        self, database: Database, authority: Authority, token: str
    ) -> None:
        assert await refusal(database, authority, token) == "INVALID_REFRESH_TOKEN"

    async def test_an_access_token_is_no_refresh_token(
        self, database: Database, authority: Authority, visitor: Visitor
    ) -> None:
        assert await refusal(database, authority, visitor.tokens.access_token) == "INVALID_REFRESH_TOKEN"


class TestEnded:
    """A session that has ended cannot be refreshed, and its tokens do not count as stolen."""

    async def test_logged_out(self, database: Database, authority: Authority, visitor: Visitor) -> None:
        await commands.log_out(database, visitor.caller)
        assert await refusal(database, authority, visitor.tokens.refresh_token) == "INVALID_REFRESH_TOKEN"
        assert await ending(database, visitor.caller.own_session) == "logout"

    async def test_idle(self, database: Database, authority: Authority, visitor: Visitor) -> None:
        await let_idle_expiry_pass(database, visitor.caller.own_session)
        assert await refusal(database, authority, visitor.tokens.refresh_token) == "INVALID_REFRESH_TOKEN"

    async def test_too_old(self, database: Database, authority: Authority, visitor: Visitor) -> None:
        await let_absolute_expiry_pass(database, visitor.caller.own_session)
        assert await refusal(database, authority, visitor.tokens.refresh_token) == "INVALID_REFRESH_TOKEN"

    async def test_used_before_it_ended(self, database: Database, authority: Authority, visitor: Visitor) -> None:
        await rotation.refresh(database, authority, visitor.tokens.refresh_token)
        await commands.log_out(database, visitor.caller)
        assert await refusal(database, authority, visitor.tokens.refresh_token) == "INVALID_REFRESH_TOKEN"

    async def test_deactivated_and_let_in_again(
        self, database: Database, authority: Authority, visitor: Visitor, new_visitor: NewVisitor
    ) -> None:
        administrator = (await new_visitor(roles=("admin",))).caller
        for is_active in (False, True):
            change = AccessChange(is_active=is_active)
            await administration.change_access(database, administrator, visitor.user.id, change)
            assert await refusal(database, authority, visitor.tokens.refresh_token) == "INVALID_REFRESH_TOKEN"


class TestRaces:
    async def test_twenty_at_once_get_one_successor_and_nobody_is_logged_out(
        self, database: Database, authority: Authority, other_worker: Authority, gate: SessionGate, visitor: Visitor
    ) -> None:
        answers = await asyncio.gather(
            *(
                rotation.refresh(database, worker, visitor.tokens.refresh_token)
                for worker in (authority, other_worker) * 10
            )
        )
        assert len({answer.refresh_token for answer in answers}) == 1
        callers = [await gate.caller(answer.access_token) for answer in answers]
        assert callers == [visitor.caller] * 20
        assert len(await tokens_of(database, visitor.caller.own_session)) == 2
        assert await ending(database, visitor.caller.own_session) is None
        await rotation.refresh(database, authority, answers[0].refresh_token)

    async def test_a_logout_at_the_same_time_wins(
        self, database: Database, authority: Authority, gate: SessionGate, visitor: Visitor
    ) -> None:
        outcomes = await asyncio.gather(
            commands.log_out(database, visitor.caller),
            *(rotation.refresh(database, authority, visitor.tokens.refresh_token) for _ in range(5)),
            return_exceptions=True,
        )
        given = [outcome for outcome in outcomes if isinstance(outcome, Tokens)]
        for token in [visitor.tokens, *given]:
            assert await refusal(database, authority, token.refresh_token) == "INVALID_REFRESH_TOKEN"
            with pytest.raises(NotAuthenticated):
                await gate.caller(token.access_token)


class TestGrace:
    async def test_the_same_token_gets_the_same_successor_from_every_worker(
        self, database: Database, authority: Authority, other_worker: Authority, visitor: Visitor
    ) -> None:
        first = await rotation.refresh(database, authority, visitor.tokens.refresh_token)
        await let_time_pass_since_use(database, visitor.tokens.refresh_token, WITHIN_GRACE)
        again = await rotation.refresh(database, other_worker, visitor.tokens.refresh_token)
        assert again.refresh_token == first.refresh_token

    async def test_it_also_holds_when_the_successor_was_used_already(
        self, database: Database, authority: Authority, visitor: Visitor
    ) -> None:
        first = await rotation.refresh(database, authority, visitor.tokens.refresh_token)
        second = await rotation.refresh(database, authority, first.refresh_token)
        slow_tab = await rotation.refresh(database, authority, visitor.tokens.refresh_token)
        assert slow_tab.refresh_token == first.refresh_token
        assert (
            await rotation.refresh(database, authority, slow_tab.refresh_token)
        ).refresh_token == second.refresh_token

    async def test_it_survives_a_change_of_keys(
        self, database: Database, authority: Authority, settings: Settings, visitor: Visitor
    ) -> None:
        first = await rotation.refresh(database, authority, visitor.tokens.refresh_token)
        old_secret = settings.security.secret_key.get_secret_value()
        changed = authority_of(load_settings(SECRET_KEY=OTHER_SECRET, PREVIOUS_SECRET_KEYS=old_secret).security)
        changed.close()
        again = await rotation.refresh(database, changed, visitor.tokens.refresh_token)
        assert again.refresh_token == first.refresh_token

    async def test_without_the_old_key_the_repetition_is_refused_and_the_session_lives(
        self, database: Database, authority: Authority, visitor: Visitor
    ) -> None:
        await rotation.refresh(database, authority, visitor.tokens.refresh_token)
        forgetful = authority_of(load_settings(SECRET_KEY=OTHER_SECRET).security)
        forgetful.close()
        assert await refusal(database, forgetful, visitor.tokens.refresh_token) == "INVALID_REFRESH_TOKEN"
        assert await ending(database, visitor.caller.own_session) is None

    def test_who_has_a_token_but_not_the_key_cannot_foresee_its_successor(self, settings: Settings) -> None:
        token = RefreshTokens(settings.security).first()
        other = RefreshTokens(load_settings(SECRET_KEY=OTHER_SECRET).security)
        assert RefreshTokens(settings.security).successors(token) != other.successors(token)


class TestReuse:
    async def test_after_the_grace_it_ends_the_whole_family(
        self, database: Database, authority: Authority, gate: SessionGate, visitor: Visitor
    ) -> None:
        new = await rotation.refresh(database, authority, visitor.tokens.refresh_token)
        await let_time_pass_since_use(database, visitor.tokens.refresh_token, AFTER_GRACE)
        assert await refusal(database, authority, visitor.tokens.refresh_token) == "REFRESH_TOKEN_REUSED"
        assert await ending(database, visitor.caller.own_session) == "refresh_reuse"
        assert await refusal(database, authority, new.refresh_token) == "INVALID_REFRESH_TOKEN"
        for tokens in (visitor.tokens, new):
            with pytest.raises(NotAuthenticated):
                await gate.caller(tokens.access_token)

    async def test_other_sessions_of_the_user_live_on(
        self, database: Database, authority: Authority, gate: SessionGate, new_visitor: NewVisitor
    ) -> None:
        here = await new_visitor()
        there = await new_visitor(here.user)
        await rotation.refresh(database, authority, here.tokens.refresh_token)
        await let_time_pass_since_use(database, here.tokens.refresh_token, AFTER_GRACE)
        await refusal(database, authority, here.tokens.refresh_token)
        assert await gate.caller(there.tokens.access_token) == there.caller

    async def test_a_token_from_long_ago_is_forgotten_and_does_no_harm(
        self, database: Database, authority: Authority, visitor: Visitor
    ) -> None:
        second = await rotation.refresh(database, authority, visitor.tokens.refresh_token)
        long_ago = refresh_token_repository.USED_TOKENS_KEPT + timedelta(seconds=1)
        await let_time_pass_since_use(database, visitor.tokens.refresh_token, long_ago)
        await rotation.refresh(database, authority, second.refresh_token)
        assert await refusal(database, authority, visitor.tokens.refresh_token) == "INVALID_REFRESH_TOKEN"
        assert await ending(database, visitor.caller.own_session) is None


class TestCrashes:
    async def test_a_worker_that_dies_before_the_commit_leaves_the_token_unused(
        self, database: Database, authority: Authority, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add = refresh_token_repository.add

        async def cut_off(work, session_id, token_hash) -> None:
            async with database.transaction() as killer:
                await killer._connection.raw.execute(
                    f"SELECT pg_terminate_backend({work._connection.raw.get_server_pid()})"
                )
            await add(work, session_id, token_hash)

        monkeypatch.setattr(refresh_token_repository, "add", cut_off)
        with pytest.raises(DatabaseUnavailable):
            await rotation.refresh(database, authority, visitor.tokens.refresh_token)
        monkeypatch.undo()
        assert len(await tokens_of(database, visitor.caller.own_session)) == 1
        await rotation.refresh(database, authority, visitor.tokens.refresh_token)

    async def test_a_worker_that_dies_after_the_commit_has_lost_nothing_but_its_answer(
        self, database: Database, authority: Authority, other_worker: Authority, gate: SessionGate, visitor: Visitor
    ) -> None:
        lost = await rotation.refresh(database, authority, visitor.tokens.refresh_token)
        retried = await rotation.refresh(database, other_worker, visitor.tokens.refresh_token)
        assert retried.refresh_token == lost.refresh_token
        assert await gate.caller(retried.access_token) == visitor.caller

    async def test_a_commit_whose_outcome_is_unknown_is_settled_by_the_retry(
        self, database: Database, authority: Authority, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The server commits, and the connection breaks before it can say so."""

        @asynccontextmanager
        async def breaking(database: Database) -> AsyncIterator[Transaction]:
            async with database.transaction() as work:
                yield work
            raise DatabaseUnavailable("COMMIT_OUTCOME_UNKNOWN", outcome_unknown=True)

        monkeypatch.setattr(rotation, "unit_of_work", breaking)
        with pytest.raises(DatabaseUnavailable):
            await rotation.refresh(database, authority, visitor.tokens.refresh_token)
        monkeypatch.undo()
        retried = await rotation.refresh(database, authority, visitor.tokens.refresh_token)
        await rotation.refresh(database, authority, retried.refresh_token)

    async def test_the_end_of_a_family_is_committed_though_the_answer_is_a_refusal(
        self, database: Database, authority: Authority, visitor: Visitor
    ) -> None:
        await rotation.refresh(database, authority, visitor.tokens.refresh_token)
        await let_time_pass_since_use(database, visitor.tokens.refresh_token, AFTER_GRACE)
        await refusal(database, authority, visitor.tokens.refresh_token)
        assert await ending(database, visitor.caller.own_session) == "refresh_reuse"
