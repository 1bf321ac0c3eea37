"""Tags, with and without todos that carry them: which cached values know of them."""

import pytest

from app.domain.errors import Conflict, Invalid, NotFound, Stale
from app.domain.tags import commands
from app.domain.tags.cache_tags import of_tags
from app.domain.tags.tag import Tag, TagChanges
from app.domain.todos.cache_tags import of_every_item, of_list
from app.domain.users.caller import Caller
from tests.domain.touching import Case, Stage, Table
from tests.team_factories import make_caller, make_tag, make_todo


async def owner_and_tag(stage: Stage, *, is_carried: bool = False) -> tuple[Caller, Tag]:
    """Somebody with a tag, a todo that carries it or not, and a todo that carries another."""
    owner = await make_caller(stage.database)
    tag = await make_tag(stage.database, owner, "garden")
    await make_todo(stage.database, owner, tags=("garden",) if is_carried else ("home",))
    return owner, tag


def of_tag_and_todos(tag: Tag) -> set[str]:
    """What changes with a tag and an unknown number of todos."""
    return {of_tags(tag.team_id), of_list(tag.team_id), of_every_item(tag.team_id)}


async def creating(stage: Stage) -> set[str]:
    ann = await make_caller(stage.database)
    stage.begin()
    return {of_tags((await make_tag(stage.database, ann, "garden")).team_id)}


async def creating_twice(stage: Stage) -> None:
    ann, _ = await owner_and_tag(stage)
    stage.begin()
    with pytest.raises(Conflict):
        await make_tag(stage.database, ann, "GARDEN")


async def colouring(stage: Stage) -> set[str]:
    """Todos show names only, except where tags are asked for: there the colour counts as the tag's."""
    ann, tag = await owner_and_tag(stage, is_carried=True)
    stage.begin()
    await commands.update(stage.database, ann, tag.id, TagChanges(color="#00ff00"))
    return {of_tags(tag.team_id)}


async def renaming_what_none_carries(stage: Stage) -> set[str]:
    ann, tag = await owner_and_tag(stage)
    stage.begin()
    await commands.update(stage.database, ann, tag.id, TagChanges(name="balcony"))
    return {of_tags(tag.team_id)}


async def renaming_what_a_todo_carries(stage: Stage) -> set[str]:
    ann, tag = await owner_and_tag(stage, is_carried=True)
    stage.begin()
    await commands.update(stage.database, ann, tag.id, TagChanges(name="Garden"))
    return of_tag_and_todos(tag)


async def keeping_the_name(stage: Stage) -> None:
    ann, tag = await owner_and_tag(stage, is_carried=True)
    stage.begin()
    await commands.update(stage.database, ann, tag.id, TagChanges(name=tag.name, color=tag.color))


async def renaming_to_another_tag(stage: Stage) -> None:
    ann, tag = await owner_and_tag(stage, is_carried=True)
    await make_tag(stage.database, ann, "balcony")
    stage.begin()
    with pytest.raises(Conflict):
        await commands.update(stage.database, ann, tag.id, TagChanges(name="balcony"))


async def deleting_what_none_carries(stage: Stage) -> set[str]:
    ann, tag = await owner_and_tag(stage)
    stage.begin()
    await commands.delete(stage.database, ann, tag.id)
    return {of_tags(tag.team_id)}


async def deleting_what_a_todo_carries(stage: Stage) -> set[str]:
    ann, tag = await owner_and_tag(stage, is_carried=True)
    stage.begin()
    await commands.delete(stage.database, ann, tag.id)
    return of_tag_and_todos(tag)


async def deleting_an_old_version(stage: Stage) -> None:
    ann, tag = await owner_and_tag(stage, is_carried=True)
    stage.begin()
    with pytest.raises(Stale):
        await commands.delete(stage.database, ann, tag.id, expected=frozenset({7}))


async def merging_what_none_carries(stage: Stage) -> set[str]:
    ann, tag = await owner_and_tag(stage)
    target = await make_tag(stage.database, ann, "balcony")
    stage.begin()
    await commands.merge(stage.database, ann, tag.id, into=target.id)
    return {of_tags(tag.team_id)}


async def merging_what_a_todo_carries(stage: Stage) -> set[str]:
    ann, tag = await owner_and_tag(stage, is_carried=True)
    target = await make_tag(stage.database, ann, "balcony")
    stage.begin()
    await commands.merge(stage.database, ann, tag.id, into=target.id)
    return of_tag_and_todos(tag)


async def merging_with_itself(stage: Stage) -> None:
    ann, tag = await owner_and_tag(stage, is_carried=True)
    stage.begin()
    with pytest.raises(Invalid):
        await commands.merge(stage.database, ann, tag.id, into=tag.id)


async def merging_a_tag_of_somebody_else(stage: Stage) -> None:
    (ann, mine), (_, other) = await owner_and_tag(stage), await owner_and_tag(stage, is_carried=True)
    stage.begin()
    with pytest.raises(NotFound):
        await commands.merge(stage.database, ann, other.id, into=mine.id)


TAGS = Table(
    modules=(commands,),
    changing=(
        Case(commands.create, creating),
        Case(commands.update, colouring),
        Case(commands.update, renaming_what_none_carries),
        Case(commands.update, renaming_what_a_todo_carries),
        Case(commands.delete, deleting_what_none_carries),
        Case(commands.delete, deleting_what_a_todo_carries),
        Case(commands.merge, merging_what_none_carries),
        Case(commands.merge, merging_what_a_todo_carries),
    ),
    leaving=(
        Case(commands.create, creating_twice),
        Case(commands.update, keeping_the_name),
        Case(commands.update, renaming_to_another_tag),
        Case(commands.delete, deleting_an_old_version),
        Case(commands.merge, merging_with_itself),
        Case(commands.merge, merging_a_tag_of_somebody_else),
    ),
)
