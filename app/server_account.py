"""Which user runs the embedded servers, and how that user reaches its files: PostgreSQL refuses to run as root.

Matters to root only; for everybody else the account is None and nothing is changed.
"""

import logging
import os
import pwd
import shlex
import stat
from pathlib import Path

from app.follow_parent import Account

logger = logging.getLogger(__name__)


def choose_account(root: Path) -> Account | None:
    """The owner of the data, of its directory or of the project; `nobody` where all of them belong to root."""
    if os.geteuid() != 0:
        return None
    for path in (root / "postgres", root, root.parent):
        if path.exists() and (owner := path.stat().st_uid) != 0:
            try:
                entry = pwd.getpwuid(owner)
            except KeyError:  # A mounted directory of another machine; initdb needs a user with a name.
                continue
            return Account(entry.pw_uid, entry.pw_gid)
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def own_directory(path: Path, account: Account | None) -> None:
    """Makes `path` a private directory of the account. Raises PermissionError if somebody else put one there."""
    owner = account.uid if account else os.geteuid()
    try:
        path.mkdir(mode=0o700)
        if account:
            os.chown(path, account.uid, account.gid)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner:
            raise PermissionError(0, "not a directory of this user", str(path)) from None


def let_through(account: Account | None, *directories: Path) -> None:
    """Lets the account search the directories and their parents: one bit each where it is missing, and says so."""
    if account is None:
        return
    changed: list[str] = []
    for path in dict.fromkeys(path for directory in directories for path in (directory, *directory.parents)):
        found = path.stat()
        bit, letter = stat.S_IXOTH, "o"
        if found.st_uid == account.uid:
            bit, letter = stat.S_IXUSR, "u"
        elif found.st_gid == account.gid:
            bit, letter = stat.S_IXGRP, "g"
        if not found.st_mode & bit:
            path.chmod(stat.S_IMODE(found.st_mode) | bit)
            changed.append(f"chmod {letter}-x {shlex.quote(str(path))}")
    if changed:
        logger.warning(
            "PostgreSQL refuses to run as root and runs as user %d, which may now pass through %d directories more. "
            "To undo: %s",
            account.uid,
            len(changed),
            "; ".join(changed),
        )
