"""Addresses that are kept out: what the log says of them."""

from datetime import timedelta
from typing import Any

from app.domain.audit.action import Action
from app.domain.audit.entry import Subject
from app.domain.blocks import commands
from app.domain.blocks.block import Block
from app.domain.users.caller import Caller
from tests.addresses import unused_address
from tests.domain.audit.telling import Act, Expected, Scene, Table, Told

BLOCKS = Table(unaudited={commands.purge_ended: "what it deletes was over a month before, and both its ends were told"})
HOUR = timedelta(hours=1)


def told_of(action: Action, actor: Caller | None, block: Block, **changed: Any) -> Told:
    return Told(action, actor, Subject("block", block.id), changed)


def written(moment: Any) -> str:
    return str(moment.isoformat().replace("+00:00", "Z"))


async def offence(scene: Scene) -> Block:
    block = await commands.block_offender(scene.database, unused_address(), signals=["trap"], score=5.0)
    assert block is not None
    return block


def lifting(actor: Caller | None, block: Block, lifted: Block) -> Told:
    times = [written(block.until), written(lifted.lifted_at)]
    return told_of(Action.BLOCK_LIFTED, actor, block, address=[block.client_key, None], until=times)


@BLOCKS.case(commands.block_offender)
async def offending(scene: Scene) -> tuple[Act, Expected]:
    address = unused_address()

    def told(block: Block) -> list[Told]:
        until = [None, written(block.until)]
        changed = {"address": [None, address], "until": until, "signals": [None, ["trap"]]}
        return [told_of(Action.ADDRESS_BLOCKED, None, block, **changed)]

    return scene.call(commands.block_offender, address, signals=["trap"], score=5.0), told


@BLOCKS.case(commands.block_offender)
async def offending_while_blocked(scene: Scene) -> tuple[Act, Expected]:
    block = await offence(scene)
    return scene.call(commands.block_offender, block.client_key, signals=["trap"], score=5.0), []


@BLOCKS.case(commands.block)
async def blocking_by_hand(scene: Scene) -> tuple[Act, Expected]:
    admin, address = await scene.administrator(), unused_address()

    def told(block: Block) -> list[Told]:
        until = [None, written(block.until)]
        changed = {"address": [None, address], "until": until, "note": [None, "Scrapes."]}
        return [told_of(Action.ADDRESS_BLOCKED, admin, block, **changed)]

    return scene.call(commands.block, admin, address, lasting=HOUR, note="Scrapes."), told


@BLOCKS.case(commands.block)
async def blocking_twice(scene: Scene) -> tuple[Act, Expected]:
    admin, block = await scene.administrator(), await offence(scene)
    return scene.call(commands.block, admin, block.client_key, lasting=HOUR, note=""), []


@BLOCKS.case(commands.lift)
async def lifting_one(scene: Scene) -> tuple[Act, Expected]:
    admin, block = await scene.administrator(), await offence(scene)
    return scene.call(commands.lift, admin, block.id), lambda lifted: [lifting(admin, block, lifted)]


@BLOCKS.case(commands.lift)
async def lifting_as_somebody_else(scene: Scene) -> tuple[Act, Expected]:
    block = await offence(scene)
    return scene.call(commands.lift, scene.ann, block.id), []


@BLOCKS.case(commands.lift_client)
async def lifting_on_the_machine(scene: Scene) -> tuple[Act, Expected]:
    block = await offence(scene)
    return scene.call(commands.lift_client, block.client_key), lambda all_of: [lifting(None, block, all_of[0])]
