"""Tests of the one pass over an answer: what is added to its head, and what is known of it."""

import gc
import weakref

import pytest
from starlette.types import Message

from app.middleware.outgoing import Header, Outgoing

START: Message = {"type": "http.response.start", "status": 201, "headers": [(b"a", b"1")]}


async def sent(outgoing: Outgoing, *messages: Message) -> None:
    for message in messages:
        await outgoing.send(message)


class Client(list[Message]):
    """What reaches the server."""

    async def send(self, message: Message) -> None:
        self.append(message)


class TestHead:
    async def test_every_layer_gets_its_headers_onto_it(self):
        client = Client()
        outgoing = Outgoing(client.send, (b"x-request-id", b"7"))
        outgoing.headers += ((b"link", b"<b>"),)
        outgoing.lacking = lambda given: ((b"c", b"3"),) if b"c" not in given else ()
        await sent(outgoing, {**START, "headers": [(b"link", b"<a>")]})
        assert client[0] == {
            **START,
            "headers": [(b"link", b"<a>"), (b"c", b"3"), (b"x-request-id", b"7"), (b"link", b"<b>")],
        }

    async def test_who_completes_it_is_told_every_name_on_it(self):
        told: list[tuple[bytes, ...]] = []

        def listen(given: tuple[bytes, ...]) -> tuple[Header, ...]:
            told.append(given)
            return ()

        outgoing = Outgoing(Client().send, (b"x", b"1"))
        outgoing.lacking = listen
        await sent(outgoing, {**START, "headers": [(b"b", b"1"), (b"b", b"2"), (b"c", b"")]})
        assert told == [(b"b", b"b", b"c")]

    async def test_the_message_of_the_application_stays_as_it_was(self):
        await sent(Outgoing(Client().send, (b"x", b"1")), START)
        assert START["headers"] == [(b"a", b"1")]

    async def test_a_head_without_headers_is_no_error(self):
        client = Client()
        await sent(Outgoing(client.send, (b"x", b"1")), {"type": "http.response.start", "status": 200})
        assert client[0]["headers"] == [(b"x", b"1")]


class TestWhatIsKnown:
    def test_before_it_begins_there_is_no_status(self):
        assert Outgoing(Client().send).status is None

    async def test_status_and_bytes(self):
        outgoing = Outgoing(Client().send)
        body: Message = {"type": "http.response.body", "body": b"abc", "more_body": True}
        await sent(outgoing, START, body, body, {"type": "http.response.body"})
        assert (outgoing.status, outgoing.sent_bytes) == (201, 6)

    async def test_nothing_follows_the_end(self):
        outgoing = Outgoing(Client().send)
        end: Message = {"type": "http.response.body"}
        with pytest.raises(RuntimeError, match="after the end"):
            await sent(outgoing, START, end, end)

    async def test_trailers_follow_the_body_if_the_head_says_so(self):
        client, trailers = Client(), {"type": "http.response.trailers", "headers": []}
        outgoing = Outgoing(client.send)
        await sent(outgoing, {**START, "trailers": True}, {"type": "http.response.body"}, trailers)
        assert client[-1] == trailers

    async def test_an_answer_that_is_out_leaves_nothing_to_the_garbage_collector(self):
        class Exchange:
            """As a server's: it knows the scope, and its `send` gets into it."""

            def __init__(self) -> None:
                self.scope: dict[str, object] = {}

            async def send(self, message: Message) -> None:
                """Takes it."""

        exchange = Exchange()
        exchange.scope["outgoing"] = Outgoing(exchange.send)
        gone = weakref.ref(exchange)
        await sent(exchange.scope["outgoing"], START, {"type": "http.response.body"})  # type: ignore[arg-type]  # it is one
        gc.disable()
        try:
            del exchange
            assert gone() is None
        finally:
            gc.enable()

    async def test_it_has_begun_even_if_the_connection_breaks_under_its_head(self):
        async def broken(_message: Message) -> None:
            raise OSError

        outgoing = Outgoing(broken)
        with pytest.raises(OSError):  # noqa: PT011 - it has no message
            await sent(outgoing, START)
        assert outgoing.status == 201

    async def test_other_messages_pass_untouched(self):
        client, hint = Client(), {"type": "http.response.early_hint", "links": [b"</a>"]}
        outgoing = Outgoing(client.send, (b"x", b"1"))
        await sent(outgoing, hint)
        assert (client, outgoing.status) == ([hint], None)
