"""Tests of ids, traces and client addresses."""

import ipaddress
import re

import pytest
import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from app.middleware.request_context import RequestContext, normal_address, traceparent

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


class TestClientAddress:
    async def address(self, exchange, app: RequestContext, peer: str, *forwarded: str) -> str:
        headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
        answer = await exchange(app, headers=headers, client=(peer, 5000))
        return str(answer.scope["state"]["client_address"])

    async def test_without_trusted_proxies_it_is_the_peer_whatever_is_claimed(self, exchange):
        assert await self.address(exchange, behind(), "192.0.2.1", "198.51.100.7") == "192.0.2.1"

    async def test_a_peer_that_is_not_trusted_is_not_believed(self, exchange):
        assert await self.address(exchange, behind("10.0.0.0/8"), "192.0.2.1", "198.51.100.7") == "192.0.2.1"

    async def test_a_trusted_proxy_names_its_client(self, exchange):
        assert await self.address(exchange, behind("10.0.0.0/8"), "10.0.0.1", "198.51.100.7") == "198.51.100.7"

    @pytest.mark.parametrize(
        ("forwarded", "expected"),
        [
            (["1.1.1.1, 198.51.100.7"], "198.51.100.7"),
            (["1.1.1.1, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),
            (["1.1.1.1", "198.51.100.7", "10.0.0.2"], "198.51.100.7"),
            (["198.51.100.7,10.0.0.3 ,\t10.0.0.2"], "198.51.100.7"),
            (["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            (["198.51.100.7:4711"], "198.51.100.7"),
            (["[2001:db8::7]:4711"], "2001:db8::7"),
            (["[2001:DB8:0::7]"], "2001:db8::7"),
            (["2001:db8::7%eth0"], "2001:db8::7"),
            (["::ffff:198.51.100.7"], "198.51.100.7"),
            (["198.51.100.7, ::ffff:10.0.0.2"], "198.51.100.7"),
        ],
    )
    async def test_it_is_the_right_most_hop_that_is_not_trusted(self, exchange, forwarded: list[str], expected: str):
        assert await self.address(exchange, behind("10.0.0.0/8"), "10.0.0.1", *forwarded) == expected

    @pytest.mark.parametrize(
        "hop",
        ["", "unknown", "_hidden", "1.2.3", "1.2.3.4.5", "01.2.3.4", "x" * 5_000, "\xff\xfe", "1.2.3.4:port", "[::1"],
    )
    async def test_what_is_no_address_leaves_the_proxy_that_reported_it(self, exchange, hop: str):
        app = behind("10.0.0.0/8")
        assert await self.address(exchange, app, "10.0.0.1", f"198.51.100.7, {hop}") == "10.0.0.1"
        assert await self.address(exchange, app, "10.0.0.1", f"198.51.100.7, {hop}, 10.0.0.2") == "10.0.0.2"

    async def test_proxies_may_have_addresses_of_version_6(self, exchange):
        app = behind("2001:db8:1::/48")
        assert await self.address(exchange, app, "2001:db8:1::1", "2001:db8:2::9") == "2001:db8:2::9"
        assert await self.address(exchange, app, "2001:db8:3::1", "2001:db8:2::9") == "2001:db8:3::1"

    async def test_a_peer_in_ipv4_mapped_form_is_the_proxy_that_it_is(self, exchange):
        assert await self.address(exchange, behind("10.0.0.0/8"), "::ffff:10.0.0.1", "198.51.100.7") == "198.51.100.7"

    @pytest.mark.parametrize("client", [None, ("unix-socket", 0)])
    async def test_a_peer_without_an_address_is_not_trusted(self, exchange, client: tuple[str, int] | None):
        answer = await exchange(behind("0.0.0.0/0"), headers=[(b"x-forwarded-for", b"1.2.3.4")], client=client)
        assert answer.scope["state"]["client_address"] == (client[0] if client else "unknown")

    def test_the_same_address_has_one_spelling(self):
        assert normal_address("2001:0DB8::0001") == normal_address("[2001:db8::1]:80") == "2001:db8::1"

    def test_a_text_that_is_longer_than_any_address_is_none(self):
        assert normal_address("2001:db8::1%" + "x" * 100) is None


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
