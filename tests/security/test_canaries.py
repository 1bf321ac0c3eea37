"""No secret is seen where it does not belong: logs, counts, refusals, statements, Redis, a dump of the database."""

import base64
import hashlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from app.database import migrations
from app.local_stack import LocalStack
from tests.conftest import directory_for_servers
from tests.security.canaries import found_in, secretive
from tests.security.canary_flows import FLOWS
from tests.security.evidence import Evidence, gather

# Where a text of somebody's has no more business than a secret. A database has it in its statements' parameters.
NOT_FOR_PRIVATE_THINGS = {"log of the service", "log of the worker", "counts", "refusals", "pg_stat_activity"}
# Every promise broken at once.
LEAKS = "logs_bodies,logs_headers,keeps_bodies,seals_nothing"


@pytest.fixture(scope="module")
def servers() -> Iterator[LocalStack]:
    with tempfile.TemporaryDirectory(dir=directory_for_servers()) as directory, LocalStack(Path(directory)) as started:
        migrations.upgrade(started.database_url("postgres"))
        yield started


@pytest.fixture(scope="module", params=["json", "console"])
async def evidence(
    servers: LocalStack, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Evidence:
    return await gather(servers, tmp_path_factory.mktemp("log"), LOG_FORMAT=request.param)


@pytest.fixture(scope="module")
async def found(servers: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """What a service that leaks on purpose lets out, by place: the kinds of secrets."""
    evidence = await gather(servers, tmp_path_factory.mktemp("log"), altered=LEAKS)
    return {place: {name.rstrip(" 0123456789") for name in names} for place, names in evidence.secrets_found().items()}


class TestCanaries:
    def test_no_secret_is_found_anywhere(self, evidence: Evidence) -> None:
        assert evidence.secrets_found() == {}

    def test_what_is_private_is_found_only_where_it_is_kept(self, evidence: Evidence) -> None:
        found = evidence.private_found()
        assert not {place: names for place, names in found.items() if place in NOT_FOR_PRIVATE_THINGS}

    def test_the_search_reaches_every_place(self, evidence: Evidence) -> None:
        """Otherwise the tests above would prove nothing."""
        # What is said there at one moment may be one statement, however much was said before.
        assert evidence.places["pg_stat_activity"]
        small = {place for place, content in evidence.places.items() if len(content) <= 300}
        assert small <= {"pg_stat_activity"}
        found = evidence.private_found()
        assert any(name.startswith("title") for name in found["dump of the database"])
        assert any(name.startswith("title") for name in found["log of PostgreSQL"])
        assert any(name.startswith("title") for name in found["Redis"])
        assert b"slow query" in evidence.places["log of the service"]
        assert b"INSERT INTO" in evidence.places["log of PostgreSQL"]

    def test_every_operation_that_has_to_do_with_secrets_is_walked_through(self) -> None:
        assert secretive() <= set().union(*FLOWS.values())


class TestControls:
    @pytest.mark.parametrize(
        ("place", "kinds"),
        [
            ("log of the service", {"access_token", "password", "mailed token", "totp code", "sent code", "challenge"}),
            ("log of the service", {"recovery code", "telephone number", "api key"}),
            ("Redis", {"password", "refresh_token", "totp code", "recovery code", "telephone number"}),
            ("dump of the database", {"totp secret", "telephone number"}),
            ("log of PostgreSQL", {"totp secret", "telephone number", "mailed token", "sent code"}),
        ],
    )
    async def test_a_service_that_leaks_is_found(self, found: dict[str, set[str]], place: str, kinds: set[str]) -> None:
        assert kinds <= found[place]

    @pytest.mark.parametrize(
        "secret",
        [
            "correct horse battery canary",
            "eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl_-",
            "mfrg-g2lt-ojuw-4zzb-orsx-g5ba",
            "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
            "+4915112345678",
        ],
    )
    def test_a_secret_is_found_in_whatever_spelling(self, secret: str) -> None:
        raw = secret.encode()
        hidden = [
            raw,
            raw.hex().encode(),
            base64.b64encode(raw),
            base64.urlsafe_b64encode(b"user:" + raw),
            base64.b64encode(b"?" + raw + b"?"),
            json.dumps({"a": secret}).encode(),
            quote(secret).encode(),
        ]
        assert [found_in(b"x" * 99 + each + b"x" * 99, {"it": secret}) for each in hidden] == [["it"]] * len(hidden)
        assert found_in(b"x" * 999, {"it": secret}) == []

    @pytest.mark.parametrize(
        ("secret", "hidden"),
        [
            ("mfrg-g2lt-ojuw-4zzb-orsx-g5ba", b"mfrgg2ltojuw4zzborsxg5ba"),
            ("mfrg-g2lt-ojuw-4zzb-orsx-g5ba", base64.b32decode("MFRGG2LTOJUW4ZZBORSXG5BA")),
            ("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", base64.b32decode("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP").hex().encode()),
            ("+4915112345678", b"to 4915112345678 by"),
            ("492039", b'{"code":"492039"}'),
            ("492039", b"492039 is your code"),
            ("492039", hashlib.sha256(b"492039").digest()),
            ("492039", hashlib.md5(b"492039", usedforsecurity=False).hexdigest().encode()),
        ],
    )
    def test_so_is_what_stands_for_it(self, secret: str, hidden: bytes) -> None:
        assert found_in(b"\x00" * 9 + hidden + b"\x00" * 9, {"it": secret}) == ["it"]

    @pytest.mark.parametrize("chance", [b"12:00:01.492039+00", b"id=a492039b-1", b"1492039", b"4920391"])
    def test_six_digits_of_something_else_are_no_code(self, chance: bytes) -> None:
        assert found_in(chance, {"it": "492039"}) == []
