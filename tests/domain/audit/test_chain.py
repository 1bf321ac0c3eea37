"""The database chains its rows exactly as `chain` says, on whatever connections they come."""

import asyncio
from itertools import pairwise
from uuid import uuid4

from app.database.executor import Database
from app.domain.audit import commands as audit
from app.domain.audit.action import Action
from app.domain.audit.chain import hash_of, seal_of, start_of
from app.domain.audit.entry import Subject
from app.domain.ids import UserId
from app.domain.unit_of_work import unit_of_work
from tests.domain.audit.log_read import chains, heads


async def write(database: Database, actor: UserId, number: int) -> None:
    """A few rows of one unit of work, with every field in use."""
    async with unit_of_work(database) as work:
        for each in range(number % 3 + 1):
            audit.record(
                work,
                Action.ACCESS_CHANGED,
                actor=actor,
                subject=Subject("user", uuid4()),
                changed={"name": ("Zoë \u2028 \"'\\", number), "x": (None, [each, 0.1, True])},
            )


async def test_every_row_follows_the_one_before_it_and_the_head_is_the_last(database: Database) -> None:
    await asyncio.gather(*(write(database, UserId(uuid4()), number) for number in range(60)))
    found, ends = await chains(database), await heads(database)
    assert found.keys() == ends.keys()
    for (month, chain), links in found.items():
        assert [link.number for link in links] == list(range(1, len(links) + 1))
        assert links[0].hash == hash_of(start_of(month, chain), links[0])
        assert all(after.hash == hash_of(before.hash, after) for before, after in pairwise(links))
        # Of people whom other tests have erased, the seal is all there is.
        kept = [link for link in links if link.salt]
        assert all(link.seal == seal_of(link.salt or b"", link.address, link.changed) for link in kept)
        assert ends[month, chain] == (links[-1].number, links[-1].hash)


async def test_several_chains_are_in_use(database: Database) -> None:
    """Otherwise every audited commit would wait for every other one."""
    await asyncio.gather(*(write(database, UserId(uuid4()), number) for number in range(60)))
    assert len(await chains(database)) > 1
