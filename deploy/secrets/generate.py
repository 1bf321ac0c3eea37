"""Makes the secrets of a fresh installation, once: the signing key, the passwords, and the URLs that carry them.

Knows who may read which file. Refuses to change a secret that exists: a second run does nothing.
Standard library only. Runs as an ordinary user that is nobody else's and is a member of all readers' groups: each file
is then readable by its readers alone, and only this user could have changed it.
"""

import argparse
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
        Secret("database_url", f"postgresql://todo:{database}@postgres:5432/todo", readers.service),
        Secret("redis_url", f"redis://todo:{redis}@redis:6379/0", readers.service),
        Secret("postgres_superuser_password", superuser, readers.postgres),
        Secret("postgres_todo_password", database, readers.postgres),
        Secret("redis_users.acl", access_list, readers.redis),
    ]


def write(directory: Path, contents: list[Secret]) -> None:
    """Puts all files in place at once: the folder is renamed when it is whole, so a crash leaves none, never half."""
    unfinished = directory / f".{FINISHED}-{secrets.token_hex(4)}"
    unfinished.mkdir(mode=0o755)
    for secret in contents:
        path = unfinished / secret.name
        path.touch(mode=0o600)
        path.write_text(secret.value, encoding="ascii")
        os.chown(path, -1, secret.reader)
        path.chmod(0o440)
    unfinished.chmod(0o755)
    unfinished.rename(directory / FINISHED)


def main() -> int:
    """Makes the secrets unless they exist; says which of the two happened."""
    parser = argparse.ArgumentParser(description="Makes the secrets of a fresh installation, once.")
    parser.add_argument("--directory", type=Path, required=True)
    for reader in Readers._fields:
        parser.add_argument(f"--{reader}-group", type=int, required=True, dest=reader)
    arguments = parser.parse_args()
    if (arguments.directory / FINISHED).is_dir():
        sys.stdout.write("The secrets exist; nothing was changed.\n")
        return 0
    readers = Readers(*(getattr(arguments, reader) for reader in Readers._fields))
    write(arguments.directory, new_secrets(readers))
    sys.stdout.write("New secrets were made.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
