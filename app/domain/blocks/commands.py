"""Blocking clients and letting them in again. Each is a unit of work of its own: no refused request undoes a block."""

from datetime import timedelta

from app.database.executor import Database, Transaction
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.entry import Changes, Subject
from app.domain.blocks import repository
from app.domain.blocks.block import Block, duration
from app.domain.blocks.queries import require_administrator
from app.domain.errors import Conflict, NotFound
from app.domain.ids import BlockId, uuid7
from app.domain.unit_of_work import in_batches, unit_of_work
from app.domain.users.caller import Caller

PURGE_BATCH = 500


async def block_offender(database: Database, client_key: str, *, signals: list[str], score: float) -> Block | None:
    """Blocks a client for what it did, longer each time; None if it is blocked already.

    Processes that decide it at the same moment take turns, so it counts once.
    """
    async with unit_of_work(database) as work:
        history = await repository.lock(work, client_key)
        if history.blocked_until is not None:
            return None
        strike = history.strikes + 1
        made = await repository.insert_block(
            work,
            BlockId(uuid7()),
            duration=duration(strike),
            client_key=client_key,
            strike=strike,
            signals=signals,
            score=score,
            note="",
            created_by=None,
        )
        _record_made(work, made)
        return made


async def block(database: Database, caller: Caller, client_key: str, *, lasting: timedelta, note: str) -> Block:
    """Blocks a client because an administrator says so. Raises NotAllowed, and Conflict (ALREADY_BLOCKED)."""
    require_administrator(caller)
    async with unit_of_work(database) as work:
        history = await repository.lock(work, client_key)
        if history.blocked_until is not None:
            raise Conflict(f"{client_key} is blocked already; lift that block first.", code="ALREADY_BLOCKED")
        made = await repository.insert_block(
            work,
            BlockId(uuid7()),
            duration=lasting,
            client_key=client_key,
            strike=0,
            signals=[],
            score=0.0,
            note=note,
            created_by=caller.user_id,
        )
        _record_made(work, made)
        return made


async def lift(database: Database, caller: Caller, block_id: BlockId) -> Block:
    """Ends a block that holds; it does not count as a strike any more. Raises NotFound, also for other callers."""
    if not caller.is_administrator:
        raise NotFound("block", block_id)
    async with unit_of_work(database) as work:
        lifted = await repository.lift(work, block_id, caller.user_id)
        if lifted is None:
            raise NotFound("block in force", block_id)
        _record_lifted(work, lifted)
        return lifted


async def lift_client(database: Database, client_key: str) -> list[Block]:
    """Ends every block of a client, for whoever runs the service and has locked themselves out."""
    async with unit_of_work(database) as work:
        lifted = await repository.lift_client(work, client_key, None)
        for each in lifted:
            _record_lifted(work, each)
        return lifted


async def purge_ended(database: Database) -> int:
    """Deletes the blocks that were over a month ago, in batches of 500; says how many."""
    return await in_batches(database, repository.purge, PURGE_BATCH)


def _record_made(work: Transaction, made: Block) -> None:
    why = ("signals", made.signals) if made.strike else ("note", made.note)
    told = {"address": made.client_key, "until": made.until, why[0]: why[1]}
    changed: Changes = {field: (None, value) for field, value in told.items()}
    audit.record(
        work, Action.ADDRESS_BLOCKED, actor=made.created_by, subject=Subject("block", made.id), changed=changed
    )


def _record_lifted(work: Transaction, lifted: Block) -> None:
    changed = {"address": (lifted.client_key, None), "until": (lifted.until, lifted.lifted_at)}
    audit.record(
        work, Action.BLOCK_LIFTED, actor=lifted.lifted_by, subject=Subject("block", lifted.id), changed=changed
    )
