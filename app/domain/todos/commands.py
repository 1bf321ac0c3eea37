"""What can be done to todos. Each public function is one unit of work, visible where it opens."""

from typing import NoReturn

import msgspec
from msgspec import UNSET

from app.database.errors import DatabaseUnavailable
from app.database.executor import Database, Reader, Transaction
from app.domain.audit.action import Action
from app.domain.errors import NotFound, Stale, invalid
from app.domain.ids import ProjectId, TeamId, TodoId
from app.domain.teams.policy import Role, require_writer
from app.domain.todos import auditing, cache_tags, repository, tag_names_repository, trash_repository
from app.domain.todos.todo import Status, Todo, TodoChanges, TodoDraft, changed, clean_title, require_transition
from app.domain.unit_of_work import repeated, unit_of_work
from app.domain.users.caller import Caller

PURGE_BATCH = 1000
Versions = frozenset[int] | None


@repeated
async def create(database: Database, caller: Caller, draft: TodoDraft) -> Todo:
    """Stores a new todo and returns it.

    Raises Invalid (naming the field) for a team, project, parent or assignee that does not fit, NotAllowed for a
    viewer, Conflict (EXTERNAL_ID_TAKEN). One statement that is its own transaction, unless it names a project or a
    parent (one statement more each) or tags (two more): then inside a unit of work.
    """
    if draft.is_plain:
        return await _create_plain(database, caller, draft)
    async with unit_of_work(database) as work:
        return await create_in(work, caller, draft)


@repeated
async def update(
    database: Database, caller: Caller, todo_id: TodoId, changes: TodoChanges, *, expected: Versions = None
) -> Todo:
    """Applies `changes` and returns the todo; its version rises only if something really changed.

    `expected` are the versions that the caller knows; any other raises Stale. Raises as `create`, and NotFound.
    """
    async with unit_of_work(database) as work:
        return await update_in(work, caller, todo_id, changes, expected=expected)


@repeated
async def complete(database: Database, caller: Caller, todo_id: TodoId, *, expected: Versions = None) -> Todo:
    """Makes a todo done; a done todo stays as it is. Raises NotFound, NotAllowed, Stale, Conflict (cancelled)."""
    async with unit_of_work(database) as work:
        return await complete_in(work, caller, todo_id, expected=expected)


@repeated
async def reopen(database: Database, caller: Caller, todo_id: TodoId, *, expected: Versions = None) -> Todo:
    """Makes a finished todo open; an unfinished one stays as it is. Raises NotFound, NotAllowed, Stale."""
    async with unit_of_work(database) as work:
        return await reopen_in(work, caller, todo_id, expected=expected)


@repeated
async def move(
    database: Database,
    caller: Caller,
    todo_id: TodoId,
    *,
    project_id: ProjectId | None,
    position: float | None = None,
    expected: Versions = None,
) -> Todo:
    """Moves a todo to another project of its team (None: to no project), at `position` if given. Raises as `update`."""
    changes = TodoChanges(project_id=project_id, position=UNSET if position is None else position)
    async with unit_of_work(database) as work:
        return await update_in(work, caller, todo_id, changes, expected=expected)


@repeated
async def duplicate(database: Database, caller: Caller, todo_id: TodoId) -> Todo:
    """Stores an open copy of a todo, last in its project, and returns it. Raises NotFound, NotAllowed."""
    async with unit_of_work(database) as work:
        todo = await _seen(work, caller, todo_id)
        draft = TodoDraft(
            title=todo.title,
            description=todo.description,
            priority=todo.priority,  # type: ignore[arg-type]  # rows hold the number that Priority is
            due_date=todo.due_date,
            team_id=todo.team_id,
            project_id=todo.project_id,
            parent_id=todo.parent_id,
            assignee_id=todo.assignee_id,
            tags=tuple(todo.tags),
        )
        return await create_in(work, caller, draft)


@repeated
async def delete(database: Database, caller: Caller, todo_id: TodoId, *, expected: Versions = None) -> None:
    """Moves a todo and its subtasks to the trash. Raises NotFound, NotAllowed, Stale."""
    async with unit_of_work(database) as work:
        await delete_in(work, caller, todo_id, expected=expected)


@repeated
async def restore(database: Database, caller: Caller, todo_id: TodoId) -> Todo:
    """Brings a todo back from the trash, with the subtasks that went along. Raises NotFound, NotAllowed."""
    async with unit_of_work(database) as work:
        todo = await trash_repository.lock_trashed(work, caller.user_id, todo_id)
        if todo is None or todo.deleted_at is None:
            raise NotFound("todo in the trash", todo_id)
        require_writer(Role(todo.role))
        restored = await trash_repository.restore(work, caller.user_id, todo, todo.deleted_at)
        auditing.record_moves(work, Action.TODO_RESTORED, caller, todo.team_id, restored)
        work.touch(cache_tags.of_list(todo.team_id), *(cache_tags.of_item(each.id) for each in restored))
        found = next((each for each in restored if each.id == todo_id), None)
        if found is None:
            raise NotFound("todo in the trash", todo_id)
        return found


@repeated
async def purge_trash(database: Database) -> int:
    """Deletes for good what has been in the trash for thirty days; the number deleted. In transactions of 1,000."""
    total = 0
    while True:
        async with unit_of_work(database) as work:
            # No subtask outside the trash has a parent in it, so only the lists of the trash lose anything.
            purged = await trash_repository.purge(work, PURGE_BATCH)
            work.touch(*cache_tags.of_lists(set(purged)))
            auditing.record_purge(work, purged)
        total += len(purged)
        if len(purged) < PURGE_BATCH:
            return total


async def create_in(work: Transaction, caller: Caller, draft: TodoDraft) -> Todo:
    """`create` inside a unit of work that is open already."""
    draft = msgspec.structs.replace(draft, title=clean_title(draft.title))
    team_id = await _team_for(work, caller, draft)
    tags = await tag_names_repository.register(work, caller.user_id, team_id, draft.tags) if draft.tags else []
    if draft.parent_id is not None:
        await _check_parent(work, caller, team_id, draft.parent_id, child_id=None)
    todo = await repository.insert_todo(work, caller.user_id, team_id, draft, tags=tags)
    if todo is None:
        await _refuse(work, caller, team_id)
    work.touch(cache_tags.of_list(todo.team_id))
    return todo


async def update_in(
    work: Transaction, caller: Caller, todo_id: TodoId, changes: TodoChanges, *, expected: Versions = None
) -> Todo:
    """`update` inside a unit of work that is open already."""
    if changes.title is not UNSET:
        changes = msgspec.structs.replace(changes, title=clean_title(changes.title))
    changes = await _with_surroundings_locked(work, caller, todo_id, changes)
    todo = await _locked(work, caller, todo_id, expected)
    after = changed(todo, changes)
    if after == todo:
        return todo
    if after.parent_id is not None and after.parent_id != todo.parent_id:
        await _check_parent(work, caller, todo.team_id, after.parent_id, child_id=todo_id)
    return await _stored(work, caller, todo, after)


async def complete_in(work: Transaction, caller: Caller, todo_id: TodoId, *, expected: Versions = None) -> Todo:
    """`complete` inside a unit of work that is open already."""
    todo = await _locked(work, caller, todo_id, expected)
    if todo.status == Status.DONE:
        return todo
    require_transition(todo.status, Status.DONE)
    return await _stored(work, caller, todo, msgspec.structs.replace(todo, status=Status.DONE))


async def reopen_in(work: Transaction, caller: Caller, todo_id: TodoId, *, expected: Versions = None) -> Todo:
    """`reopen` inside a unit of work that is open already."""
    todo = await _locked(work, caller, todo_id, expected)
    if Status(todo.status) not in {Status.DONE, Status.CANCELLED}:
        return todo
    return await _stored(work, caller, todo, msgspec.structs.replace(todo, status=Status.OPEN))


async def delete_in(work: Transaction, caller: Caller, todo_id: TodoId, *, expected: Versions = None) -> None:
    """`delete` inside a unit of work that is open already."""
    todo = await _locked(work, caller, todo_id, expected)
    trashed = await trash_repository.trash(work, caller.user_id, todo)
    auditing.record_moves(work, Action.TODO_TRASHED, caller, todo.team_id, trashed)
    work.touch(cache_tags.of_list(todo.team_id), *(cache_tags.of_item(each.id) for each in trashed))


async def _create_plain(database: Database, caller: Caller, draft: TodoDraft) -> Todo:
    draft = msgspec.structs.replace(draft, title=clean_title(draft.title))
    team_id = draft.team_id or caller.personal_team_id
    work = database.autocommit()
    work.touch(cache_tags.of_list(team_id))
    todo = await repository.insert_todo(work, caller.user_id, team_id, draft, tags=[])
    if todo is None:
        await _refuse(database.reader, caller, team_id)
    return todo


async def _refuse(reader: Reader, caller: Caller, team_id: TeamId) -> NoReturn:
    """Raises why the caller's todo was not stored in this team."""
    await _require_writer_in(reader, caller, team_id)
    raise DatabaseUnavailable("DATABASE_CONTENTION")  # The caller became a writer just now; `repeated` asks again.


async def _stored(work: Transaction, caller: Caller, todo: Todo, after: Todo) -> Todo:
    """The next version of a locked todo, written."""
    stored = await repository.update_todo(work, caller.user_id, after)
    auditing.record_change(work, caller, todo, after)
    work.touch(cache_tags.of_list(stored.team_id), cache_tags.of_item(stored.id))
    return stored


async def _with_surroundings_locked(
    work: Transaction, caller: Caller, todo_id: TodoId, changes: TodoChanges
) -> TodoChanges:
    """Locks what the changed todo will point at before the todo itself: projects, tags, then todos, as everybody does.

    Returns the changes with their tags as the team spells them. No statement if they name none of the three.
    """
    if not (changes.project_id or changes.tags or changes.parent_id):
        return changes
    team_id = (await _seen(work, caller, todo_id)).team_id  # A todo stays in its team.
    if changes.project_id:
        await _check_project(work, caller, changes.project_id, team_id=team_id)
    if changes.tags:
        names = await tag_names_repository.register(work, caller.user_id, team_id, changes.tags)
        changes = msgspec.structs.replace(changes, tags=tuple(names))
    if changes.parent_id:
        await repository.lock_many(work, caller.user_id, [todo_id, changes.parent_id])
    return changes


async def _seen(work: Transaction, caller: Caller, todo_id: TodoId) -> Todo:
    """The todo, not locked, if the caller may change it."""
    todo = await repository.get(work, caller.user_id, todo_id)
    if todo is None:
        raise NotFound("todo", todo_id)
    require_writer(Role(todo.role))
    return todo


async def _locked(work: Transaction, caller: Caller, todo_id: TodoId, expected: Versions) -> Todo:
    """The todo, locked, if the caller may change it and knows its version."""
    todo = await repository.lock(work, caller.user_id, todo_id)
    if todo is None:
        raise NotFound("todo", todo_id)
    require_writer(Role(todo.role))
    if expected is not None and todo.version not in expected:
        raise Stale(f"The todo is at version {todo.version} now.")
    return todo


async def _team_for(work: Transaction, caller: Caller, draft: TodoDraft) -> TeamId:
    """The team of a new todo. A team that the caller names is looked at before anything that is said to be in it."""
    if draft.project_id is not None:
        return await _check_project(work, caller, draft.project_id, team_id=draft.team_id)
    if draft.team_id is None:
        return caller.personal_team_id
    if draft.parent_id is not None or draft.tags:
        await _require_writer_in(work, caller, draft.team_id)
    return draft.team_id


async def _require_writer_in(reader: Reader, caller: Caller, team_id: TeamId) -> None:
    role = await repository.role_in_team(reader, caller.user_id, team_id)
    if role is None:
        raise repository.unknown_team()
    require_writer(Role(role))


async def _check_project(work: Transaction, caller: Caller, project_id: ProjectId, *, team_id: TeamId | None) -> TeamId:
    owner = await repository.team_of_project(work, caller.user_id, project_id)
    if owner is None or (team_id is not None and owner != team_id):
        raise invalid("#/project_id", "UNKNOWN_PROJECT", "project_id must be a project of the todo's team.")
    return owner


async def _check_parent(
    work: Transaction, caller: Caller, team_id: TeamId, parent_id: TodoId, *, child_id: TodoId | None
) -> None:
    """Raises Invalid unless `parent_id` can take the child (None: one that is only about to exist) as its subtask."""
    parent = await repository.lock_parent(work, caller.user_id, team_id, parent_id, child_id=child_id)
    if parent is None or parent_id == child_id:
        raise invalid("#/parent_id", "UNKNOWN_PARENT", "parent_id must be another todo of the same team.")
    if parent.parent_id is not None or parent.child_has_children:
        raise invalid(
            "#/parent_id",
            "TOO_DEEP",
            "Subtasks have no subtasks: the parent must have no parent, and the todo no subtasks, the trash included.",
        )
