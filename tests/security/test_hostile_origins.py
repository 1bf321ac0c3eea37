"""Where a request says that it comes from and goes to: host headers, foreign pages, caches that many share."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.settings import Settings, load_settings
from tests.conftest import UNREACHED, running
from tests.security.asking import ask, fair_question
from tests.security.cast import Cast
from tests.security.operations import Operation, operations

EVIL = "evil.test"
ORIGIN = "https://app.example.com"
LOOK_ALIKES = (
    "null",
    "*",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com:443",
    "https://app.example.com/",
    "https://app.example.com.evil.test",
    "https://app.example.com@evil.test",
    "https://app.example.com%60.evil.test",
    "https://app.example.com_.evil.test",
    "https://evil-app.example.com",
    "https://evilapp.example.com",
    "https://example.com",
    "https://sub.app.example.com",
    "https://app-example.com",
    "https://appXexample.com",
    "https://APP.EXAMPLE.COM",
    "https://\u0430pp.example.com",
    "https://app.example.com https://evil.test",
    "https://evil.test,https://app.example.com",
    "https://app.example.com\x00.evil.test",
    "file://",
    "http://localhost",
    "http://127.0.0.1:8000",
    "",
)
GETS = [each for each in operations() if each.method == "GET"]
HOSTS = (
    [(b"X-Forwarded-Host", b"evil.test")],
    [(b"X-Host", b"evil.test"), (b"X-Forwarded-Server", b"evil.test"), (b"X-HTTP-Host-Override", b"evil.test")],
    [(b"Forwarded", b'for=192.0.2.1;host="evil.test";proto=https')],
    [(b"X-Forwarded-Proto", b"evil.test://"), (b"X-Forwarded-Prefix", b"//evil.test"), (b"X-Forwarded-Port", b"1")],
    [(b"X-Original-URL", b"//evil.test/"), (b"X-Rewrite-URL", b"//evil.test/")],
    [(b"Referer", b"https://evil.test/"), (b"Origin", b"https://evil.test")],
)


@pytest.mark.parametrize("operation", operations(), ids=str)
class TestHosts:
    async def test_no_link_is_made_of_what_the_client_calls_us(
        self, operation: Operation, cast: Cast, client: httpx.AsyncClient
    ) -> None:
        question = None
        for headers in HOSTS:
            question = await fair_question(cast, operation, again=question)
            answer = await ask(client, operation, question, headers=headers)
            assert EVIL not in answer.text + str(answer.headers), f"{headers}: {answer.text}"

    async def test_a_host_header_changes_nothing(
        self, operation: Operation, cast: Cast, client: httpx.AsyncClient
    ) -> None:
        question = None
        for host in ("evil.test", "evil.test:80", "127.0.0.1:8000@evil.test", "evil.test/x?", '"><script>', "a" * 300):
            question = await fair_question(cast, operation, again=question)
            client.headers["Host"] = host
            answer = await ask(client, operation, question)
            assert answer.status_code < 500
            assert host not in answer.text + str(answer.headers), answer.text


@pytest.fixture(scope="module")
async def foreign(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A service that lets pages of ORIGIN read its answers."""
    strict = load_settings(
        ENVIRONMENT="test",
        DATABASE_URL=settings.database.url.get_secret_value(),
        CORS_ORIGINS=ORIGIN,
        RATE_LIMIT_FACTOR=UNREACHED,
    )
    async with running(strict) as started:
        transport = httpx.ASGITransport(started.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://todo.test") as http:
            yield http


PAGES = sorted(
    {each.path for each in operations() if "{" not in each.path} | {"/nothing", "/docs", "/api/v2/openapi.json"}
)


class TestForeignPages:
    @pytest.mark.parametrize("path", PAGES)
    async def test_a_page_on_the_list_may_read(self, path: str, foreign: httpx.AsyncClient) -> None:
        answer = await foreign.get(path, headers={"Origin": ORIGIN})
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "origin" in answer.headers["vary"].lower()
        # For the cookie of the refresh token, which is good for nothing without its own proof of the page.
        assert answer.headers["access-control-allow-credentials"] == "true"

    @pytest.mark.parametrize("path", PAGES)
    async def test_a_page_that_only_looks_alike_may_not(self, path: str, foreign: httpx.AsyncClient) -> None:
        for origin in LOOK_ALIKES:
            plain = await foreign.get(path, headers=[(b"Origin", origin.encode())])
            preflight = await foreign.options(
                path, headers=[(b"Origin", origin.encode()), (b"Access-Control-Request-Method", b"GET")]
            )
            for answer in (plain, preflight):
                given = set(answer.headers) & {"access-control-allow-origin", "access-control-allow-credentials"}
                assert not given, f"{origin!r}: {answer.headers}"
            assert preflight.status_code == 403, f"{origin!r}: {preflight.status_code}"

    async def test_a_preflight_gets_no_more_than_it_needs(self, foreign: httpx.AsyncClient) -> None:
        asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "TRACE"}
        assert (await foreign.options("/api/v2/todos", headers=asked)).status_code == 403
        asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "X-Evil"}
        assert (await foreign.options("/api/v2/todos", headers=asked)).status_code == 403


@pytest.mark.parametrize("operation", operations(), ids=str)
class TestCaches:
    async def test_no_cache_shares_what_is_one_callers(
        self, operation: Operation, cast: Cast, client: httpx.AsyncClient
    ) -> None:
        question = await fair_question(cast, operation)
        answers = [await ask(client, operation, question)]
        if not operation.is_public:
            answers.append(await client.request(operation.method, question.path(operation)))
        for answer in answers:
            directives = set(answer.headers["cache-control"].replace(" ", "").split(","))
            if answer.is_success and operation.is_public and directives & {"public", "max-age=300"}:
                continue
            assert directives in ({"no-store"}, {"private", "no-cache"}), answer.headers
            if "private" in directives:
                varied = {name.strip().lower() for name in answer.headers["vary"].split(",")}
                assert varied >= {"authorization", "accept", "accept-encoding"}

    async def test_every_answer_has_the_fixed_headers_and_tells_nothing_of_the_server(
        self, operation: Operation, cast: Cast, client: httpx.AsyncClient
    ) -> None:
        question = await fair_question(cast, operation)
        for answer in (await ask(client, operation, question), await ask(client, operation, question, query="x=1")):
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "includeSubDomains" in answer.headers["strict-transport-security"]
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"
            assert not {"server", "x-powered-by", "x-aspnet-version", "via", "set-cookie"} & set(answer.headers)
            if answer.content:
                assert answer.headers["content-type"] in {
                    "application/json",
                    "application/problem+json",
                    "application/zip",  # Of one's own data: nothing that a browser would run.
                }


@pytest.mark.parametrize("operation", [each for each in GETS if not each.is_public], ids=str)
class TestDeception:
    """Web cache deception: a private page under a name that looks like a file that caches keep."""

    async def test_no_suffix_makes_a_private_page_look_like_a_file(
        self, operation: Operation, cast: Cast, client: httpx.AsyncClient
    ) -> None:
        question = await fair_question(cast, operation)
        path = question.path(operation)
        for suffix in (
            "/a.css",
            ".css",
            "%2Fa.css",
            ";a.css",
            "%3Ba.css",
            "%23a.css",
            "%3Fa.css",
            "%00.css",
            "/..%2Fa.js",
        ):
            answer = await ask(client, operation, question, path=path + suffix)
            assert answer.status_code in {404, 405, 422}, f"{suffix}: {answer.status_code}"
            assert answer.headers["cache-control"] == "no-store"
