"""Where work comes from is known to whatever runs in the request's task, and to no other."""

import asyncio
from typing import Any
from uuid import uuid4

from app.middleware.request_context import RequestContext
from app.telemetry.request_origin import Cause, Origin, of_operator, of_request, origin


async def seen_after(*steps: Any) -> Origin:
    """What a task of its own sees after the steps."""

    async def look() -> Origin:
        for step, *arguments in steps:
            step(*arguments)
        return origin()

    return await asyncio.create_task(look())


class TestOrigin:
    async def test_it_is_the_service_itself_unless_somebody_says_otherwise(self):
        assert await seen_after() == Origin(Cause.SYSTEM)
        assert await seen_after((of_operator,)) == Origin(Cause.OPERATOR)

    async def test_a_request_tells_its_number_its_address_and_its_token(self):
        token_id = uuid4()
        state = {"request_id": "0123456789", "client_address": "192.0.2.1", "token_id": token_id, "trace_id": "x"}
        assert await seen_after((of_request, state)) == Origin(Cause.REQUEST, "0123456789", "192.0.2.1", token_id)

    async def test_what_a_request_learns_later_counts(self):
        state: dict[str, Any] = {}
        learns = lambda: state.update(client_address="192.0.2.9")  # noqa: E731 - it is one of the steps
        assert (await seen_after((of_request, state), (learns,))).address == "192.0.2.9"

    async def test_other_tasks_do_not_see_it(self):
        await seen_after((of_request, {"request_id": "0123456789"}))
        assert origin() == Origin(Cause.SYSTEM)


async def test_the_middleware_sets_it_for_every_request():
    seen: list[Origin] = []

    async def app(_scope, _receive, _send) -> None:
        seen.append(origin())

    async def request() -> None:
        headers = [(b"x-request-id", b"given-by-the-client")]
        scope = {"type": "http", "headers": headers, "client": ("203.0.113.9", 5000)}
        await RequestContext(app)(scope, None, None)  # type: ignore[arg-type]  # nothing is read and nothing sent

    await asyncio.create_task(request())
    assert seen == [Origin(Cause.REQUEST, "given-by-the-client", "203.0.113.9")]
