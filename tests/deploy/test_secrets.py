"""The one-shot that makes a fresh installation's secrets."""

import hashlib
import os
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.setting_types import named_keys
from app.settings import MINIMUM_SECRET_BYTES
from deploy.secrets import generate

NAMES = {
    "secret_key",
    "database_url",
    "service_database_url",
    "redis_url",
    "postgres_superuser_password",
    "postgres_todo_password",
    "postgres_service_password",
    "redis_users.acl",
    "encryption_keys",
    "blind_index_keys",
}
READERS = generate.Readers(service=1, owner=4, postgres=2, redis=3)


def run(directory: Path) -> str:
    group = str(directory.stat().st_gid)
    groups = [word for reader in generate.Readers._fields for word in (f"--{reader}-group", group)]
    command = [sys.executable, "-I", generate.__file__, "--directory", str(directory), *groups]
    return subprocess.run(command, capture_output=True, check=True, text=True, timeout=30).stdout


def contents(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="ascii") for path in (directory / "generated").iterdir()}


class TestGenerate:
    def test_a_first_run_makes_every_file(self, tmp_path):
        assert run(tmp_path) == "New secrets were made.\n"
        assert set(contents(tmp_path)) == NAMES
        assert [path.name for path in tmp_path.iterdir()] == ["generated"]

    def test_a_second_run_changes_nothing(self, tmp_path):
        run(tmp_path)
        before = contents(tmp_path)
        assert run(tmp_path) == "The secrets exist; nothing was changed.\n"
        assert contents(tmp_path) == before

    def test_an_older_installation_gets_the_keys_that_it_lacks_and_keeps_the_rest(self, tmp_path):
        run(tmp_path)
        before = contents(tmp_path)
        (tmp_path / "generated" / "encryption_keys").unlink()
        assert run(tmp_path) == "The secrets exist; encryption_keys added.\n"
        after = contents(tmp_path)
        (lost,), (added,) = (named_keys(keys["encryption_keys"]) for keys in (before, after))
        assert added.id != lost.id, "or what the lost one encrypted would be tried with this one"
        assert {**after, "encryption_keys": before["encryption_keys"]} == before
        assert [path.name for path in tmp_path.iterdir()] == ["generated"]

    @pytest.mark.parametrize("lost", ["service_database_url", "postgres_service_password"])
    def test_a_login_is_replaced_as_a_whole(self, lost, tmp_path):
        """The password is in two files, and has to be the same in both."""
        run(tmp_path)
        before = contents(tmp_path)
        (tmp_path / "generated" / lost).unlink()
        assert run(tmp_path) == "The secrets exist; service_database_url, postgres_service_password added.\n"
        after = contents(tmp_path)
        assert urlsplit(after["service_database_url"]).password == after["postgres_service_password"]
        changed = {name for name in NAMES if before[name] != after[name]}
        assert changed == {"service_database_url", "postgres_service_password"}

    def test_the_owners_address_is_taken_from_the_service(self, tmp_path, monkeypatch):
        """Older releases served as the owner; changing the group is what a second run does about it."""
        group = tmp_path.stat().st_gid
        generate.write(tmp_path, generate.new_secrets(generate.Readers(group, group, group, group)))
        given = []
        monkeypatch.setattr(os, "chown", lambda path, _user, to: given.append((Path(path).name, to)))
        words = [
            word for number, name in enumerate(generate.Readers._fields) for word in (f"--{name}-group", str(number))
        ]
        monkeypatch.setattr(sys, "argv", ["generate", "--directory", str(tmp_path), *words])
        assert generate.main() == 0
        assert given == [("database_url", generate.Readers._fields.index("owner"))]

    def test_two_installations_share_no_secret(self, tmp_path):
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            run(tmp_path / name)
        first, second = contents(tmp_path / "a"), contents(tmp_path / "b")
        assert not [name for name in NAMES if first[name] == second[name]]

    def test_a_failure_leaves_nothing_that_looks_finished(self, tmp_path, monkeypatch):
        def refuse(*_arguments):
            raise PermissionError

        monkeypatch.setattr(os, "chown", refuse)
        with pytest.raises(PermissionError):
            generate.write(tmp_path, generate.new_secrets(READERS))
        assert not (tmp_path / "generated").exists()
        monkeypatch.undo()
        assert run(tmp_path) == "New secrets were made.\n"

    def test_nobody_may_write_and_only_a_group_may_read(self, tmp_path):
        run(tmp_path)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "generated").iterdir()}
        assert modes == dict.fromkeys(NAMES, 0o440)

    def test_each_reader_gets_its_own_files(self):
        groups = {secret.name: secret.reader for secret in generate.new_secrets(READERS)}
        assert groups == {
            "secret_key": READERS.service,
            "database_url": READERS.owner,
            "service_database_url": READERS.service,
            "redis_url": READERS.service,
            "postgres_superuser_password": READERS.postgres,
            "postgres_todo_password": READERS.postgres,
            "postgres_service_password": READERS.postgres,
            "redis_users.acl": READERS.redis,
            "encryption_keys": READERS.service,
            "blind_index_keys": READERS.service,
        }


class TestValues:
    @pytest.fixture
    def values(self) -> dict[str, str]:
        return {secret.name: secret.value for secret in generate.new_secrets(READERS)}

    def test_the_signing_key_is_long_enough_for_production(self, values):
        assert len(values["secret_key"]) >= MINIMUM_SECRET_BYTES

    def test_the_keys_are_different_and_of_the_right_size(self, values):
        (sealing,), (indexing,) = (named_keys(values[name]) for name in ("encryption_keys", "blind_index_keys"))
        assert sealing.value != indexing.value

    def test_service_and_owner_have_roles_of_their_own_and_not_the_superusers_password(self, values):
        owner, service = urlsplit(values["database_url"]), urlsplit(values["service_database_url"])
        assert (owner.username, owner.password) == ("todo", values["postgres_todo_password"])
        assert (service.username, service.password) == ("todo_service", values["postgres_service_password"])
        assert len({owner.password, service.password, values["postgres_superuser_password"]}) == 3

    def test_redis_keeps_a_digest_and_the_url_has_the_password(self, values):
        password = urlsplit(values["redis_url"]).password
        assert password
        assert password not in values["redis_users.acl"]
        assert f"#{hashlib.sha256(password.encode()).hexdigest()} " in values["redis_users.acl"]

    def test_without_a_password_redis_answers_to_ping_alone(self, values):
        default = values["redis_users.acl"].splitlines()[0]
        assert default == "user default on nopass resetkeys resetchannels -@all +ping"
