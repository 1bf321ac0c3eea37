"""What the access list of `docker compose` lets the service do in Redis, on a real server."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.redis import link as links
from deploy.secrets import generate
from tests.redis.links import linked, until_connected
from tests.valkey_servers import Valkey, until

APP = Path(__file__).parents[2] / "app"
# What is asked of servers of other kinds, which have no access list of ours.
_OF_OTHERS = {"SENTINEL", "CLUSTER"}
# Whatever else is written like this is no command, and no server knows it.
_COMMAND = re.compile("""["']([A-Z]{3,})["']""")


@pytest.fixture
def generated() -> dict[str, str]:
    """The secrets of a first start, by name."""
    return {secret.name: secret.value for secret in generate.new_secrets(generate.Readers(1, 2, 3, 4))}


@pytest.fixture
def guarded(tmp_path: Path, generated: dict[str, str]) -> Iterator[Valkey]:
    """A server under the access list."""
    access_list = tmp_path / "users.acl"
    access_list.write_text(generated["redis_users.acl"])
    server = Valkey(tmp_path, aclfile=str(access_list))
    login = urlsplit(generated["redis_url"])
    server.log_in(str(login.username), str(login.password))
    with server:
        yield server


def url_of(server: Valkey, generated: dict[str, str]) -> str:
    """The address that the service is given, of this server."""
    return generated["redis_url"].replace("redis:6379", f"127.0.0.1:{server.port}")


class TestTheAccessList:
    async def test_lets_the_service_stay(
        self, guarded: Valkey, generated: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(links, "CHECK_SECONDS", 0.05)
        async with linked(url_of(guarded, generated)) as link:
            connected = await until_connected(link)
            before = guarded.calls("info")
            await until(lambda: guarded.calls("info") >= before + 10, seconds=10)
            assert link.connected is connected
            assert link.times_opened == 0

    def test_takes_away_no_command_that_the_service_knows(self, tmp_path: Path, generated: dict[str, str]) -> None:
        assert generated["redis_users.acl"].endswith(" ~* &* +@all -@admin\n")
        with Valkey(tmp_path) as unguarded:
            taken_away = {str(name).upper() for name in unguarded.ask("ACL CAT", "admin")}
        files = [path for shelf in ("abuse", "cache", "rate_limits", "redis") for path in (APP / shelf).rglob("*.py")]
        commands = {name for path in files for name in _COMMAND.findall(path.read_text())} - _OF_OTHERS
        assert {"INFO", "EVALSHA", "SET", "MGET", "ZADD"} <= commands
        assert "ROLE" in taken_away
        assert commands & taken_away == set()
