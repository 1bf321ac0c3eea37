"""What is in an archive of what people do: everything of the person, nothing of anybody else."""

from app.database.executor import Database
from app.domain.exports.contents import FILES
from app.domain.projects import commands as project_commands
from app.domain.projects.project import ProjectDraft
from app.domain.teams import commands as team_commands
from app.domain.todos import commands as todo_commands
from app.domain.todos.todo import TodoChanges
from app.field_encryption import FieldCipher
from tests.domain.exports.archives import exported
from tests.domain.exports.household import CANARY, House
from tests.team_factories import make_project, make_tag, make_team, make_todo


class TestTodos:
    async def test_they_are_hers_and_only_hers(self, database: Database, cipher: FieldCipher, house: House) -> None:
        ann, bob = house.ann, house.bob
        hers = [
            await make_todo(database, ann, title="own 1", tags=("blue",)),
            await make_todo(database, ann, title="own 2"),
            await make_todo(database, ann, title="own 3"),
            await make_todo(database, ann, title="created in the household", team=house.household),
            await make_todo(database, ann, title="for bob", team=house.club, assignee_id=bob.user_id),
            await make_todo(database, ann, title="for herself", team=house.club, assignee_id=ann.user_id),
            await make_todo(database, bob, title="by bob for ann 1", team=house.club, assignee_id=ann.user_id),
            await make_todo(database, bob, title="by bob for ann 2", team=house.household, assignee_id=ann.user_id),
            await make_todo(database, bob, title="by bob for ann 3", team=house.household, assignee_id=ann.user_id),
        ]
        trashed = await make_todo(database, ann, title="in the trash", team=house.club)
        await todo_commands.delete(database, ann, trashed.id)
        await make_todo(database, bob, title=CANARY, team=house.club)
        await make_todo(database, bob, title=CANARY, team=house.club, assignee_id=bob.user_id)
        await make_todo(database, bob, title=CANARY)
        read = await exported(database, cipher, ann)
        assert sorted(read.values("todos", "id")) == sorted(str(todo.id) for todo in [*hers, trashed])
        lines = {line["title"]: line for line in read.lines("todos")}
        assert lines["own 1"]["tags"] == ["blue"]
        assert lines["in the trash"]["deleted_at"] is not None
        whose = {title: (line["created_by_you"], line["assigned_to_you"]) for title, line in lines.items()}
        assert whose["own 1"] == whose["for bob"] == (True, False)
        assert whose["for herself"] == (True, True)
        assert whose["by bob for ann 1"] == (False, True)
        assert CANARY not in read.text
        assert str(bob.user_id) not in read.text

    async def test_what_she_made_in_a_team_that_she_has_left_is_not_shown(
        self, database: Database, cipher: FieldCipher, house: House
    ) -> None:
        ann = house.ann
        todo = await make_todo(database, ann, title="for the choir", team=house.choir)
        project = await project_commands.create(database, ann, ProjectDraft(name="concert", team_id=house.choir.id))
        await todo_commands.update(database, house.bob, todo.id, TodoChanges(title=CANARY))
        await team_commands.leave(database, ann, house.choir.id)
        read = await exported(database, cipher, ann)
        for name, thing in (("left_behind_todos", todo), ("left_behind_projects", project)):
            line = read.line(name)
            assert (line["id"], line["team_id"]) == (str(thing.id), str(house.choir.id))
            assert set(line) == {"id", "team_id", "created_at"}
        assert (read.lines("todos"), read.lines("projects")) == ([], [])
        assert CANARY not in read.text


class TestProjectsAndTags:
    async def test_projects_are_those_of_the_personal_team_and_those_that_she_made(
        self, database: Database, cipher: FieldCipher, house: House
    ) -> None:
        ann, bob = house.ann, house.bob
        own = [await make_project(database, ann, name=f"own {number}") for number in range(3)]
        made = [await make_project(database, ann, name=f"made {number}", team=house.club) for number in range(3)]
        await make_project(database, bob, name=CANARY, team=house.club)
        await make_project(database, bob, name=CANARY, team=house.household)
        await project_commands.delete(database, ann, made[0].id)
        read = await exported(database, cipher, ann)
        assert read.values("projects", "id") == sorted(str(project.id) for project in own + made)
        lines = {line["name"]: line for line in read.lines("projects")}
        assert lines["own 0"]["team_id"] == str(ann.personal_team_id)
        assert all(line["created_by_you"] for line in lines.values())
        assert [name for name, line in lines.items() if line["deleted_at"]] == ["made 0"]
        assert CANARY not in read.text

    async def test_tags_are_those_of_the_personal_team(
        self, database: Database, cipher: FieldCipher, house: House
    ) -> None:
        for name in ("Blue", "Green", "Red"):
            await make_tag(database, house.ann, name)
        await make_tag(database, house.bob, "canary", team=house.club)
        read = await exported(database, cipher, house.ann)
        assert read.values("tags", "name") == ["Blue", "Green", "Red"]

    async def test_teams_are_those_that_she_is_in_and_name_nobody_else(
        self, database: Database, cipher: FieldCipher, house: House
    ) -> None:
        await make_team(database, house.bob, name=CANARY)
        read = await exported(database, cipher, house.ann)
        shown = sorted((line["role"], line["is_personal"], line["name"]) for line in read.lines("teams"))
        assert shown[:2] == [("member", False, "Choir"), ("member", False, "Club")]
        assert [(role, is_personal) for role, is_personal, _ in shown[2:]] == [("owner", False), ("owner", True)]
        assert CANARY not in read.text


class TestIndex:
    async def test_it_explains_every_file_and_every_member(
        self, database: Database, cipher: FieldCipher, house: House
    ) -> None:
        await make_todo(database, house.ann, title="one")
        read = await exported(database, cipher, house.ann)
        index = read.index
        assert (index["format"], index["format_version"]) == ("todo-export", 1)
        assert index["user_id"] == str(house.ann.user_id)
        assert [entry["name"] for entry in index["files"]] == [f"{file.name}.jsonl" for file in FILES]
        for entry in index["files"]:
            assert entry["description"].endswith(".")
            for line in read.lines(entry["name"].removesuffix(".jsonl")):
                assert list(line) == list(entry["fields"]), entry["name"]
        assert "export_chunks" in index["left_out"]
        assert index["withheld"]["users"]["password_hash"]

    async def test_pages_of_any_size_make_the_same_archive(
        self, database: Database, cipher: FieldCipher, house: House
    ) -> None:
        for number in range(7):
            await make_todo(database, house.ann, title=f"todo {number}", team=house.club)
            await make_todo(database, house.ann, title=f"own {number}")
        seen = []
        for page_size in (1, 2, 7, 200):
            read = await exported(database, cipher, house.ann, page_size=page_size)
            seen.append((read.files["todos.jsonl"], read.files["teams.jsonl"]))
        assert len(set(seen)) == 1
        assert len(seen[0][0].splitlines()) == 14

    async def test_text_comes_back_byte_for_byte(self, database: Database, cipher: FieldCipher, house: House) -> None:
        titles = ["Tom & Jerry", "a < b && c > d", "=1+1", "DROP TABLE notes; -- homework", "Größe 字 \U0001f600"]
        for title in titles:
            await make_todo(database, house.ann, title=title)
        read = await exported(database, cipher, house.ann)
        assert read.values("todos", "title") == sorted(titles)
