"""Tests of ids, traces and client addresses."""

import ipaddress
import re

import pytest
import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from app.middleware.request_context import RequestContext, traceparent

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


async def show_state(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the state, what a log line would carry, and the trace of a call that the request might make."""
    logged = structlog.contextvars.get_contextvars()
    answer = JSONResponse({**scope["state"], "logged": logged, "traceparent": traceparent(scope)})
    await answer(scope, receive, send)


def behind(*networks: str) -> RequestContext:
    return RequestContext(show_state, trusted_networks=[ipaddress.ip_network(network) for network in networks])


class TestRequestId:
    @pytest.mark.parametrize("given", ["abcdefgh", "A-z_09" * 10 + "1234", "0193e0e0-0000-7000-8000-000000000001"])
    async def test_a_well_formed_id_is_kept_and_returned(self, browse, given: str):
        async with browse(behind()) as client:
            answer = await client.get("/", headers={"X-Request-Id": given})
        assert answer.headers["x-request-id"] == answer.json()["request_id"] == given

    @pytest.mark.parametrize(
        "given", [b"", b"short12", b"x" * 65, b"with space", b"a/../../b", b"abcdefgh\n", b"\xff" * 10, b"\xc3\xa9" * 8]
    )
    async def test_any_other_is_replaced(self, exchange, given: bytes):
        answer = await exchange(behind(), headers=[(b"x-request-id", given)])
        assert answer.status == 200
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])

    async def test_no_two_requests_share_one(self, browse):
        async with browse(behind()) as client:
            ids = {(await client.get("/")).headers["x-request-id"] for _ in range(100)}
        assert len(ids) == 100

    async def test_logs_of_the_request_carry_it(self, browse):
        async with browse(behind()) as client:
            answer = await client.get("/", headers={"X-Request-Id": "abcdefgh"})
        assert answer.json()["logged"]["request_id"] == "abcdefgh"

    async def test_the_headers_of_the_response_object_stay_as_they_were(self, exchange):
        response = JSONResponse({})
        before = list(response.raw_headers)
        await exchange(RequestContext(response))
        assert response.raw_headers == before


class TestHeadersByName:
    async def test_whoever_looks_for_a_header_finds_it_and_of_repeated_ones_the_last(self, exchange):
        answer = await exchange(behind(), headers=[(b"host", b"a"), (b"te", b"1"), (b"te", b"2")])
        assert answer.scope["headers_by_name"] == {b"host": b"a", b"te": b"2"}


class TestTrace:
    async def test_a_trace_is_continued_under_a_span_of_our_own(self, browse):
        async with browse(behind()) as client:
            state = (await client.get("/", headers={"traceparent": TRACEPARENT})).json()
        assert state["trace_id"] == TRACE
        version, trace, span, flags = state["traceparent"].split("-")
        assert (version, trace, flags) == ("00", TRACE, "01")
        assert re.fullmatch("[0-9a-f]{16}", span)
        assert span != PARENT

    async def test_a_later_version_is_read_as_far_as_we_know_it(self, browse):
        async with browse(behind()) as client:
            state = (await client.get("/", headers={"traceparent": f"01-{TRACE}-{PARENT}-03-more"})).json()
        assert state["trace_id"] == TRACE
        assert re.fullmatch(f"00-{TRACE}-[0-9a-f]{{16}}-01", state["traceparent"])

    @pytest.mark.parametrize(
        "given",
        [
            b"",
            b"nonsense",
            TRACEPARENT.upper().encode(),
            f"ff-{TRACE}-{PARENT}-01".encode(),
            f"00-{'0' * 32}-{PARENT}-01".encode(),
            f"00-{TRACE}-{'0' * 16}-01".encode(),
            f"00-{TRACE}-{PARENT}-01-more".encode(),
            f"00-{TRACE[1:]}-{PARENT}-01".encode(),
            f"01-{TRACE}-{PARENT}-01more".encode(),
            TRACEPARENT.encode() + b"\n",
            b"\xff" * 55,
        ],
    )
    async def test_a_bad_one_is_replaced_and_is_no_error(self, exchange, given: bytes):
        answer = await exchange(behind(), headers=[(b"traceparent", given)])
        trace_id = answer.scope["state"]["trace_id"]
        assert answer.status == 200
        assert trace_id not in {TRACE, "0" * 32}
        assert re.fullmatch(f"00-{trace_id}-[0-9a-f]{{16}}-00", traceparent(answer.scope))

    async def test_each_call_has_a_span_of_its_own(self, exchange):
        scope = (await exchange(behind(), headers=[(b"traceparent", TRACEPARENT.encode())])).scope
        assert traceparent(scope) != traceparent(scope)

    async def test_two_of_them_are_none(self, exchange):
        answer = await exchange(behind(), headers=[(b"traceparent", TRACEPARENT.encode())] * 2)
        assert answer.scope["state"]["trace_id"] != TRACE


class TestClient:
    async def test_address_and_key_are_left_in_the_state(self, exchange):
        answer = await exchange(behind(), client=("::ffff:203.0.113.9", 5000))
        assert answer.scope["state"]["client_address"] == answer.scope["state"]["client_key"] == "203.0.113.9"

    async def test_all_addresses_of_one_network_of_version_6_are_one_client(self, exchange):
        answer = await exchange(behind(), client=("2001:db8:0:7:1:2:3:4", 5000))
        assert answer.scope["state"]["client_address"] == "2001:db8:0:7:1:2:3:4"
        assert answer.scope["state"]["client_key"] == "2001:db8:0:7::/64"

    async def test_a_trusted_proxy_names_its_client(self, exchange):
        forwarded = [(b"x-forwarded-for", b"6.6.6.6, 198.51.100.7")]
        answer = await exchange(behind("10.0.0.0/8"), headers=forwarded, client=("10.0.0.1", 5000))
        assert answer.scope["state"]["client_address"] == "198.51.100.7"


class TestOtherProtocols:
    async def test_they_pass(self, passes_through):
        assert await passes_through(RequestContext)

    async def test_a_scope_without_state_gets_one(self, exchange):
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await JSONResponse(Request(scope).state.request_id)(scope, receive, send)

        scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "client": None}
        sent = []

        async def send(message: object) -> None:
            sent.append(message)

        await RequestContext(app)(scope, None, send)  # type: ignore[arg-type]  # nothing is received
        assert len(sent) == 2
