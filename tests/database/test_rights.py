"""What the owner settles after a migration. What the rights are is tested with the roles themselves."""

import asyncio

from app.database.rights import settle
from tests.conftest import TEMPLATE, WORKER, Stack, recreate


async def test_many_at_once_do_not_get_in_each_others_way(stack: Stack) -> None:
    """As when every replica migrates before it serves."""
    url = await recreate(stack.admin_url, f"todo_settled_{WORKER}_test", template=TEMPLATE)
    for _ in range(5):
        assert await asyncio.gather(*(settle(url, audit_kept_days=400) for _ in range(8))) == [True] * 8
