"""Nothing of somebody who is erased is left but what belongs to others, and nobody notices but by their absence."""

from uuid import UUID

import pytest

from app.database.executor import Reader
from app.domain.audit.verification import verify
from app.domain.erasure import commands, content_repository
from app.domain.ids import UserId
from app.domain.pages import PageRequest
from app.domain.teams import queries as team_queries
from app.domain.teams.policy import Role
from app.domain.todos import queries as todo_queries
from app.domain.users import repository as users_repository
from app.erasure_ledger import digest_of
from tests.domain.erasure.leavers import Leaver, Scene, forms_of_id, tables_with
from tests.domain.erasure.rules import RULES, Fate
from tests.factories import make_user
from tests.team_factories import caller_for, make_caller, make_member, make_project, make_team, make_todo


async def erase(scene: Scene) -> Leaver:
    leaver = await scene.leaver()
    await scene.make_due(leaver)
    assert await commands.erase_due(scene.database, scene.means) == 1
    return leaver


async def roles_in(scene: Scene, leaver: Leaver) -> dict[UUID, str]:
    """Who is what in the team that the leaver owned."""
    page = await team_queries.members(scene.database.reader, leaver.admin, leaver.owned.id, PageRequest(limit=100))
    return {member.user_id: member.role for member in page.items}


class TestErased:
    async def test_nothing_that_tells_who_it_was_is_found_in_any_table(self, scene: Scene) -> None:
        leaver = await scene.leaver()
        before = await tables_with(scene.connection, scene.keys.cipher, leaver.traces)
        assert {"users", "todos", "projects", "tags", "teams", "messages", "second_factors", "mailed_tokens"} <= before
        assert {"sessions", "api_keys", "audit_log"} <= before
        await scene.make_due(leaver)
        await commands.erase_due(scene.database, scene.means)
        assert await tables_with(scene.connection, scene.keys.cipher, leaver.traces) == set()

    async def test_their_id_is_left_in_the_audit_log_alone(self, scene: Scene) -> None:
        leaver = await scene.leaver()
        before = await tables_with(scene.connection, scene.keys.cipher, forms_of_id(leaver.user.id))
        expected = {name for name, rule in RULES.items() if rule.fate in {Fate.DELETED, Fate.UNLINKED}}
        # Those without the id: a token's own hash, what is sealed, a counter's digest, and what belongs to a team.
        without = {"refresh_tokens", "messages", "export_chunks", "code_sendings", "tags", "erasures"}
        assert before == expected - without
        await scene.make_due(leaver)
        await commands.erase_due(scene.database, scene.means)
        assert await tables_with(scene.connection, scene.keys.cipher, forms_of_id(leaver.user.id)) == {"audit_log"}

    async def test_the_search_would_find_what_was_forgotten(self, scene: Scene, monkeypatch) -> None:
        async def forgets_to(*_arguments: object) -> int:
            return 0

        monkeypatch.setattr(content_repository, "delete_of_team", forgets_to)
        monkeypatch.setattr(commands, "_forget_contacts", forgets_to)
        leaver = await erase(scene)
        # What is in a team goes with it all the same, if not in batches.
        assert await tables_with(scene.connection, scene.keys.cipher, leaver.traces) == {"messages"}

    async def test_the_audit_log_still_holds(self, scene: Scene) -> None:
        await erase(scene)
        report = await verify(scene.database.reader)
        assert report.breaks == []
        assert report.forgotten > 0

    async def test_their_address_can_register_anew(self, scene: Scene) -> None:
        leaver = await erase(scene)
        assert (await make_user(scene.database, email=leaver.user.email)).id != leaver.user.id

    async def test_it_is_done_once(self, scene: Scene) -> None:
        leaver = await erase(scene)
        assert await commands.erase_due(scene.database, scene.means) == 0
        kept = await scene.connection.fetch("SELECT user_id, finished_at IS NOT NULL FROM erasures"
            " WHERE subject_hash = $1", digest_of(leaver.user.id))  # fmt: skip
        assert [tuple(row) for row in kept] == [(None, True)]

    async def test_one_with_whom_something_is_wrong_keeps_nobody_waiting(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ann, bob = await make_caller(scene.database), await make_caller(scene.database)
        await scene.connection.execute(
            "UPDATE users SET deletion_scheduled_at = now() WHERE id = ANY ($1)", [ann.user_id, bob.user_id]
        )
        real = content_repository.email

        async def fails_for_ann(reader: Reader, user_id: UserId) -> str | None:
            if user_id == ann.user_id:
                raise ZeroDivisionError
            return await real(reader, user_id)

        monkeypatch.setattr(content_repository, "email", fails_for_ann)
        with pytest.raises(ZeroDivisionError):
            await commands.erase_due(scene.database, scene.means)
        assert await users_repository.by_id(scene.database.reader, bob.user_id) is None
        monkeypatch.undo()
        assert await commands.erase_due(scene.database, scene.means) == 1
        assert await users_repository.by_id(scene.database.reader, ann.user_id) is None

    async def test_whoever_is_not_due_stays(self, scene: Scene) -> None:
        leaver = await scene.leaver()
        await scene.connection.execute(
            "UPDATE users SET deletion_scheduled_at = now() + interval '1 minute' WHERE id = $1", leaver.user.id
        )
        assert await commands.erase_due(scene.database, scene.means) == 0
        assert await users_repository.by_id(scene.database.reader, leaver.user.id) is not None


class TestTeams:
    async def test_what_they_made_for_others_stays_without_them(self, scene: Scene) -> None:
        leaver = await erase(scene)
        reader = scene.database.reader
        made = await todo_queries.get(reader, leaver.owner, leaver.made.id)
        assert (made.title, made.created_by, made.version) == (leaver.made.title, None, leaver.made.version + 1)
        project = await scene.connection.fetchrow(
            "SELECT user_id, version FROM projects WHERE id = $1", leaver.project.id
        )
        assert tuple(project or ()) == (None, leaver.project.version + 1)

    async def test_what_they_had_to_do_is_nobodys(self, scene: Scene) -> None:
        leaver = await erase(scene)
        assigned = await todo_queries.get(scene.database.reader, leaver.owner, leaver.assigned.id)
        assert (assigned.assignee_id, assigned.created_by) == (None, leaver.owner.user_id)
        assert assigned.version == leaver.assigned.version + 1

    async def test_a_team_without_them_is_gone(self, scene: Scene) -> None:
        leaver = await erase(scene)
        left = await scene.connection.fetchval(
            "SELECT count(*) FROM teams WHERE id = ANY ($1)", [leaver.alone.id, leaver.personal_team_id]
        )
        assert left == 0

    async def test_the_admin_who_is_in_it_for_longest_inherits_it(self, scene: Scene) -> None:
        leaver = await erase(scene)
        roles = await roles_in(scene, leaver)
        assert roles[leaver.admin.user_id] == "owner"
        assert sorted(roles.values()) == ["admin", "member", "owner"]
        told = await scene.connection.fetch(
            "SELECT actor_kind, action, subject_id, changed::text FROM audit_log WHERE team_id = $1"
            " ORDER BY at DESC LIMIT 2",
            leaver.owned.id,
        )
        assert {tuple(row) for row in told} == {
            ("system", "member.role_changed", str(leaver.admin.user_id), '{"role":["admin","owner"]}'),
            ("system", "member.removed", str(leaver.user.id), None),
        }

    @pytest.mark.parametrize(
        ("others", "heir"),
        [
            ((Role.VIEWER, Role.MEMBER, Role.MEMBER), 1),
            ((Role.VIEWER, Role.VIEWER), 0),
            ((Role.OWNER, Role.ADMIN), 0),
        ],
    )
    async def test_without_an_admin_it_is_the_member(self, scene: Scene, others: tuple[Role, ...], heir: int) -> None:
        ann = await make_caller(scene.database)
        team = await make_team(scene.database, ann)
        members = [await make_member(scene.database, ann, team, role) for role in others]
        await self.erase(scene, ann.user_id)
        roles = await self.roles(scene, team.id)
        assert [member.user_id for member in members if roles[member.user_id] == "owner"] == [members[heir].user_id]

    async def test_somebody_who_cannot_come_in_inherits_it_last(self, scene: Scene) -> None:
        ann = await make_caller(scene.database)
        team = await make_team(scene.database, ann)
        closed, viewer = [await make_member(scene.database, ann, team, role) for role in (Role.ADMIN, Role.VIEWER)]
        await scene.connection.execute("UPDATE users SET is_active = false WHERE id = $1", closed.user_id)
        await self.erase(scene, ann.user_id)
        assert await self.roles(scene, team.id) == {closed.user_id: "admin", viewer.user_id: "owner"}

    async def test_in_the_end_there_is_an_owner_however_many_leave(self, scene: Scene) -> None:
        ann = await make_caller(scene.database)
        team = await make_team(scene.database, ann)
        bob = await make_member(scene.database, ann, team, Role.ADMIN)
        await scene.connection.execute(
            "UPDATE users SET deletion_scheduled_at = now() WHERE id = ANY ($1)", [ann.user_id, bob.user_id]
        )
        assert await commands.erase_due(scene.database, scene.means) == 2
        assert await self.roles(scene, team.id) == {}
        assert await scene.connection.fetchval("SELECT count(*) FROM teams WHERE id = $1", team.id) == 0

    async def test_teams_that_they_have_left_lose_their_name_too(self, scene: Scene) -> None:
        ann, owner = await make_caller(scene.database), await make_caller(scene.database)
        team = await make_team(scene.database, owner)
        await scene.connection.execute(
            "INSERT INTO team_memberships (team_id, user_id, role) VALUES ($1, $2, 'member')", team.id, ann.user_id
        )
        user = await users_repository.by_id(scene.database.reader, ann.user_id)
        assert user is not None
        member = await caller_for(scene.database, user)
        todo, project = (
            await make_todo(scene.database, member, team=team),
            await make_project(scene.database, member, team=team),
        )
        await scene.connection.execute(
            "DELETE FROM team_memberships WHERE user_id = $1 AND team_id = $2", ann.user_id, team.id
        )
        await self.erase(scene, ann.user_id)
        query = "SELECT (SELECT created_by FROM todos WHERE id = $1), (SELECT user_id FROM projects WHERE id = $2)"
        assert tuple(await scene.connection.fetchrow(query, todo.id, project.id) or ()) == (None, None)

    async def erase(self, scene: Scene, user_id: UUID) -> None:
        await scene.connection.execute("UPDATE users SET deletion_scheduled_at = now() WHERE id = $1", user_id)
        assert await commands.erase_due(scene.database, scene.means) == 1

    async def roles(self, scene: Scene, team_id: UUID) -> dict[UUID, str]:
        rows = await scene.connection.fetch("SELECT user_id, role FROM team_memberships WHERE team_id = $1", team_id)
        return {row["user_id"]: row["role"] for row in rows}
