"""Which user runs the embedded servers, and how that user reaches its files: PostgreSQL refuses to run as root.

Matters to root only; for everybody else the account is None and nothing is changed.
"""

import logging
import os
import pwd
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


def let_through(directory: Path, account: Account | None) -> None:
    """Lets the account search `directory` and its parents, and says so where it had to change a mode (one bit)."""
    if account is None:
        return
    for path in (directory, *directory.parents):
        found = path.stat()
        if found.st_uid == account.uid:
            needed = stat.S_IXUSR
        elif found.st_gid == account.gid:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not found.st_mode & needed:
            path.chmod(stat.S_IMODE(found.st_mode) | needed)
            logger.warning(
                "PostgreSQL refuses to run as root and runs as user %d, which needs to pass through %s: "
                "its mode is now %o (to undo: chmod %o %s)",
                account.uid,
                path,
                stat.S_IMODE(found.st_mode) | needed,
                stat.S_IMODE(found.st_mode),
                path,
            )
