"""Answers that may take longer than others, as long as their client takes them."""

import asyncio

import pytest
from starlette.types import Receive, Scope, Send

from app.middleware.request_limits import RequestLimits, ResponseTooSlow

LIMIT = 0.05
PIECES = 8


def sent_slowly(*, lasts: float | None, pause: float) -> RequestLimits:
    """An answer in pieces, `pause` after each; it may go on for `lasts` seconds, None: for as long as any other."""

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        if lasts is not None:
            scope["outgoing"].ends_by = asyncio.get_running_loop().time() + lasts
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(PIECES):
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            await asyncio.sleep(pause)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return RequestLimits(app, body_limit_bytes=1000, timeout_seconds=LIMIT)


async def test_it_goes_on_while_something_is_taken_in_each_time_limit(exchange):
    answer = await exchange(sent_slowly(lasts=60.0, pause=LIMIT / 3))
    assert answer.body == b"x" * PIECES


@pytest.mark.parametrize(
    ("lasts", "pause"),
    [
        pytest.param(60.0, 60.0, id="nothing is taken for a whole time limit"),
        pytest.param(LIMIT, LIMIT / 3, id="longer than even a long answer may be"),
        pytest.param(None, LIMIT / 3, id="an answer like any other"),
    ],
)
async def test_else_it_breaks_off(exchange, lasts: float | None, pause: float):
    with pytest.raises(ResponseTooSlow):
        await exchange(sent_slowly(lasts=lasts, pause=pause))


async def test_others_are_cut_off_in_time_meanwhile(exchange):
    """It stays in the queue of those whose time runs, and keeps nobody behind it."""
    layer = sent_slowly(lasts=60.0, pause=LIMIT / 3)
    long_one = asyncio.create_task(exchange(layer))
    await asyncio.sleep(LIMIT / 2)
    layer.app = hangs_in_the_middle
    async with asyncio.timeout(5):
        with pytest.raises(ResponseTooSlow):
            await exchange(layer)
    assert (await long_one).body == b"x" * PIECES


async def hangs_in_the_middle(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await asyncio.Event().wait()
