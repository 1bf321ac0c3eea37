"""Tests of the fixed headers and of the allow-list of origins."""

import pytest
from starlette.responses import JSONResponse, PlainTextResponse

from app.middleware.security_headers import CrossOrigin, SecurityHeaders

EXPECTED = {
    "x-content-type-options": "nosniff",
    "strict-transport-security": "max-age=63072000; includeSubDomains",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
ORIGIN = "https://app.example.com"


class TestFixedHeaders:
    @pytest.mark.parametrize("status", [200, 204, 304, 404, 500])
    async def test_they_are_on_every_response(self, browse, status: int):
        async with browse(SecurityHeaders(PlainTextResponse("", status))) as client:
            answer = await client.get("/")
        assert EXPECTED.items() <= dict(answer.headers).items()

    async def test_a_route_may_set_its_own(self, browse):
        own = {"Content-Security-Policy": "default-src 'self'", "Cache-Control": "private, no-cache"}
        async with browse(SecurityHeaders(PlainTextResponse("", headers=own))) as client:
            answer = await client.get("/")
        assert answer.headers.get_list("content-security-policy") == ["default-src 'self'"]
        assert answer.headers.get_list("cache-control") == ["private, no-cache"]
        assert answer.headers["x-content-type-options"] == "nosniff"

    async def test_what_attackers_like_to_know_is_not_there(self, browse):
        async with browse(SecurityHeaders(PlainTextResponse(""))) as client:
            answer = await client.get("/")
        assert not {"server", "x-powered-by", "x-xss-protection"} & set(answer.headers)

    async def test_headers_that_occur_twice_stay_twice(self, exchange):
        async def app(scope, receive, send) -> None:
            await send(
                {"type": "http.response.start", "status": 200, "headers": [(b"link", b"<a>"), (b"link", b"<b>")]}
            )

        answer = await exchange(SecurityHeaders(app))
        assert [value for name, value in answer.messages[0]["headers"] if name == b"link"] == [b"<a>", b"<b>"]

    async def test_a_message_that_is_sent_again_and_again_does_not_grow(self, exchange):
        start = {"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]}

        async def app(scope, receive, send) -> None:
            await send(start)

        await exchange(SecurityHeaders(app))
        assert start["headers"] == [(b"a", b"b")]

    async def test_a_response_without_any_headers(self, exchange):
        async def app(scope, receive, send) -> None:
            await send({"type": "http.response.start", "status": 200})

        assert (await exchange(SecurityHeaders(app))).headers == EXPECTED

    async def test_other_protocols_pass(self, passes_through):
        assert await passes_through(SecurityHeaders)


def cross_origin() -> CrossOrigin:
    return CrossOrigin(JSONResponse({}, headers={"Vary": "Accept"}), origins=(ORIGIN,))


class TestCrossOrigin:
    async def test_a_page_of_an_allowed_origin_may_read_the_answer(self, browse):
        async with browse(cross_origin()) as client:
            answer = await client.get("/", headers={"Origin": ORIGIN})
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert answer.headers["vary"] == "Accept, Origin"
        exposed = set(answer.headers["access-control-expose-headers"].split(", "))
        assert exposed >= {
            "ETag",
            "Link",
            "X-Request-Id",
            "Deprecation",
            "Sunset",
            "Location",
            "Retry-After",
            "RateLimit",
        }

    @pytest.mark.parametrize(
        "origin",
        [
            "null",
            "https://evil.example.com",
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://app.example.com.evil.org",
            "https://evilapp.example.com",
            "https://APP.example.com",
            "https://app.example.com/",
            "https://app.example.com, https://evil.org",
            "*",
            "",
        ],
    )
    async def test_any_other_may_not(self, browse, origin: str):
        async with browse(cross_origin()) as client:
            answer = await client.get("/", headers={"Origin": origin})
            preflight = await client.options("/", headers={"Origin": origin, "Access-Control-Request-Method": "GET"})
        assert answer.status_code == 200
        assert preflight.status_code == 403
        for refused in (answer, preflight):
            assert not {"access-control-allow-origin", "access-control-allow-credentials"} & set(refused.headers)
            assert "Origin" in refused.headers["vary"]

    async def test_without_an_origin_caches_still_learn_that_it_matters(self, browse):
        async with browse(cross_origin()) as client:
            assert (await client.get("/")).headers["vary"] == "Accept, Origin"

    async def test_an_odd_origin_is_no_error(self, exchange):
        answer = await exchange(cross_origin(), headers=[(b"origin", b"\xff\xfe\x00")])
        assert (answer.status, "access-control-allow-origin" in answer.headers) == (200, False)

    async def test_an_allowed_preflight(self, browse):
        asked = {
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "authorization, if-match, idempotency-key, content-type",
        }
        async with browse(cross_origin()) as client:
            answer = await client.options("/", headers=asked)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "PATCH" in answer.headers["access-control-allow-methods"]

    @pytest.mark.parametrize(
        "asked", [{"Access-Control-Request-Method": "TRACE"}, {"Access-Control-Request-Headers": "x-anything"}]
    )
    async def test_a_preflight_that_asks_for_too_much_is_refused_as_a_problem(self, browse, asked: dict[str, str]):
        asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET", **asked}
        async with browse(cross_origin()) as client:
            answer = await client.options("/", headers=asked)
        assert answer.status_code == 403
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "CROSS_ORIGIN_REFUSED"

    async def test_options_that_is_no_preflight_goes_on(self, browse):
        async with browse(cross_origin()) as client:
            answer = await client.options("/", headers={"Origin": ORIGIN})
        assert answer.json() == {}

    async def test_other_protocols_pass(self, passes_through):
        assert await passes_through(lambda app: CrossOrigin(app, origins=(ORIGIN,)))
