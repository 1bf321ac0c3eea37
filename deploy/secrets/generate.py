"""Makes the secrets of a fresh installation, once: the keys, the passwords, and the URLs that carry them.

Knows who may read which file. Refuses to change a secret that exists: a second run only adds what an older release did
not need yet, and takes the owner's address away from the service.
Standard library only. Runs as an ordinary user that is nobody else's and is a member of all readers' groups: each file
is then readable by its readers alone, and only this user could have changed it.
"""

import argparse
import base64
import hashlib
import os
import secrets
import sys
from pathlib import Path
from typing import NamedTuple

FINISHED = "generated"


class Readers(NamedTuple):
    """The group ids of those who read secrets."""

    service: int
    owner: int
    postgres: int
    redis: int


class Secret(NamedTuple):
    """One file: what it holds, and the group that may read it."""

    name: str
    value: str
    reader: int


def new_secrets(readers: Readers) -> list[Secret]:
    """Fresh values. Passwords are hexadecimal, so that they need no quoting in a URL or in SQL."""
    superuser, database, redis = (secrets.token_hex(32) for _ in range(3))
    redis_digest = hashlib.sha256(redis.encode()).hexdigest()
    access_list = (
        # Whoever has no password may ask whether the server is alive, as its health check does, and nothing else.
        "user default on nopass resetkeys resetchannels -@all +ping\n"
        f"user todo on #{redis_digest} ~* &* +@all -@admin\n"
    )
    return [
        Secret("secret_key", secrets.token_urlsafe(48), readers.service),
        Secret("database_url", f"postgresql://todo:{database}@postgres:5432/todo", readers.owner),
        Secret("redis_url", f"redis://todo:{redis}@redis:6379/0", readers.service),
        Secret("postgres_superuser_password", superuser, readers.postgres),
        Secret("postgres_todo_password", database, readers.postgres),
        Secret("redis_users.acl", access_list, readers.redis),
        *service_login(readers),
        *keys(readers),
    ]


def service_login(readers: Readers) -> list[Secret]:
    """How the service gets into the database: as a role that owns nothing there. The password is in both files."""
    password = secrets.token_hex(32)
    return [
        Secret("service_database_url", f"postgresql://todo_service:{password}@postgres:5432/todo", readers.service),
        Secret("postgres_service_password", password, readers.postgres),
    ]


def keys(readers: Readers) -> list[Secret]:
    """Fresh keys that fit to nothing else, so that each can be made when it is first needed.

    The id is new with the key: if a file was lost, the service then says which key its rows need.
    """
    return [Secret(name, _named_key(), readers.service) for name in ("encryption_keys", "blind_index_keys")]


def _named_key() -> str:
    return f"k{secrets.token_hex(4)}:{base64.b64encode(secrets.token_bytes(32)).decode()}"


def write(directory: Path, contents: list[Secret]) -> None:
    """Puts all files in place at once: the folder is renamed when it is whole, so a crash leaves none, never half."""
    unfinished = directory / f".{FINISHED}-{secrets.token_hex(4)}"
    unfinished.mkdir(mode=0o755)
    for secret in contents:
        _write_one(unfinished / secret.name, secret)
    unfinished.chmod(0o755)
    unfinished.rename(directory / FINISHED)


def add_missing(directory: Path, contents: list[Secret]) -> list[str]:
    """Writes those of the secrets that do not exist, each whole or not at all; their names."""
    added = [secret for secret in contents if not (directory / FINISHED / secret.name).exists()]
    for secret in added:
        unfinished = directory / f".{secret.name}-{secrets.token_hex(4)}"
        _write_one(unfinished, secret)
        unfinished.rename(directory / FINISHED / secret.name)
    return [secret.name for secret in added]


def add_together(directory: Path, contents: list[Secret]) -> list[str]:
    """Writes all of the secrets unless all exist; their names. For those that only fit to each other."""
    places = [directory / FINISHED / secret.name for secret in contents]
    if all(place.exists() for place in places):
        return []
    for place in places:
        place.unlink(missing_ok=True)
    return add_missing(directory, contents)


def _write_one(path: Path, secret: Secret) -> None:
    path.touch(mode=0o600)
    path.write_text(secret.value, encoding="ascii")
    os.chown(path, -1, secret.reader)
    path.chmod(0o440)


def main() -> int:
    """Makes the secrets unless they exist; says which of the two happened."""
    parser = argparse.ArgumentParser(description="Makes the secrets of a fresh installation, once.")
    parser.add_argument("--directory", type=Path, required=True)
    for reader in Readers._fields:
        parser.add_argument(f"--{reader}-group", type=int, required=True, dest=reader)
    arguments = parser.parse_args()
    readers = Readers(*(getattr(arguments, reader) for reader in Readers._fields))
    if (arguments.directory / FINISHED).is_dir():
        # Older releases served as the owner.
        os.chown(arguments.directory / FINISHED / "database_url", -1, readers.owner)
        added = [
            *add_missing(arguments.directory, keys(readers)),
            *add_together(arguments.directory, service_login(readers)),
        ]
        what = f"{', '.join(added)} added" if added else "nothing was changed"
        sys.stdout.write(f"The secrets exist; {what}.\n")
        return 0
    write(arguments.directory, new_secrets(readers))
    sys.stdout.write("New secrets were made.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
