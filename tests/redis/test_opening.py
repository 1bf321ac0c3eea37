"""From an address to a connection that is signed in, or a refusal in time."""

import time
from pathlib import Path

import hiredis
import pytest

from app.redis.pipeline import RedisUnavailable
from tests.certificates import make_certificate, server_context
from tests.redis.links import opened
from tests.redis_proxy import RedisProxy
from tests.server_processes import free_port
from tests.valkey_servers import Valkey


class TestOpen:
    async def test_a_number_is_a_key_space_of_its_own(self, shared: Valkey) -> None:
        third = await opened(shared.url.replace("/0", "/3"))
        await third.ask("SET", "only here", "1")
        assert shared.ask("EXISTS", "only here") == 0
        third.close()

    async def test_a_number_that_the_server_lacks_is_refused(self, shared: Valkey) -> None:
        with pytest.raises(RedisUnavailable, match="out of range"):
            await opened(shared.url.replace("/0", "/99"))

    @pytest.mark.parametrize("host", ["127.0.0.1", "a..b", "x" * 300])
    async def test_nobody_there(self, host: str) -> None:
        with pytest.raises(RedisUnavailable):
            await opened(f"redis://{host}:{free_port()}")

    async def test_a_server_that_does_not_answer_to_the_password_is_given_up_in_time(self, valkey: Valkey) -> None:
        valkey.process.freeze()
        started = time.monotonic()
        with pytest.raises(RedisUnavailable):
            await opened(valkey.url.replace("://", "://:secret@"), seconds=0.1)
        assert time.monotonic() - started < 1


class TestSignIn:
    async def test_passwords_and_users(self, tmp_path: Path) -> None:
        with Valkey(tmp_path, requirepass="p@ss/w") as server:
            server.ask("ACL", "SETUSER", "ann", "on", ">s:crt", "allkeys", "allcommands")
            place = f"127.0.0.1:{server.port}"
            for credentials in (":p%40ss%2Fw", "default:p%40ss%2Fw", "ann:s:crt"):
                pipeline = await opened(f"redis://{credentials}@{place}/2")
                assert await pipeline.ask("PING") == b"PONG"
                pipeline.close()
            for credentials in (":wrong", "ann:wrong", "bob:s:crt"):
                with pytest.raises(RedisUnavailable, match="WRONGPASS"):
                    await opened(f"redis://{credentials}@{place}")
            unknown = await opened(f"redis://{place}")
            with pytest.raises(hiredis.ReplyError, match="NOAUTH"):
                await unknown.ask("PING")
            unknown.close()


class TestTls:
    """The embedded server is built without TLS, so the way to it is what speaks it."""

    async def test_a_certificate_is_checked_against_the_authority_that_is_named(
        self, shared: Valkey, tmp_path: Path
    ) -> None:
        certificate = make_certificate(tmp_path)
        async with RedisProxy(shared.url, tls=server_context(certificate)) as proxy:
            place = f"rediss://127.0.0.1:{proxy.port}"
            for options in (f"?ssl_ca_certs={certificate}", "?ssl_cert_reqs=none"):
                pipeline = await opened(place + options)
                assert await pipeline.ask("ECHO", b"x" * 100_000) == b"x" * 100_000
                pipeline.close()
            with pytest.raises(RedisUnavailable, match="certificate verify failed"):
                await opened(place)
            with pytest.raises(RedisUnavailable, match="mismatch"):
                await opened(f"rediss://localhost:{proxy.port}?ssl_ca_certs={certificate}")
