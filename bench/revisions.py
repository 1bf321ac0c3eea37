"""Revisions of this service, made ready to be run beside each other: a checkout, an interpreter, an application."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.apps import SERVICE, App
from bench.databases import Schema
from bench.places import DIRECTORY, ROOT

_LOCK = Path("requirements") / "runtime.lock"


class RevisionError(Exception):
    """A revision cannot be run; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One state of the source."""

    role: str
    """What it is in the comparison; its database goes by this name."""
    commit: str
    schema: Schema
    note: str = ""

    @property
    def app(self) -> App:
        """This service as it is in that revision."""
        directory = self.schema.directory
        return replace(
            SERVICE,
            name=f"{self.role} ({self.commit})",
            command=(self.schema.python, "-m", "app.cli", "serve"),
            directory=directory,
            database=self.role,
            settings={"PYTHONPATH": str(directory)},
        )


def working_tree(role: str) -> Revision:
    """The source as it lies here, with what is not committed."""
    return Revision(role=role, commit=_git("describe", "--always", "--dirty"), schema=Schema(ROOT, sys.executable))


@contextmanager
def checked_out(role: str, name: str) -> Iterator[Revision]:
    """The revision with that name in a git worktree of its own, until the block ends. Raises RevisionError."""
    commit = _git("rev-parse", "--short", "--verify", "--end-of-options", f"{name}^{{commit}}")
    directory = DIRECTORY / "revisions" / role
    _remove(directory)
    _git("worktree", "add", "--force", "--detach", str(directory), commit)
    try:
        python, note = _interpreter(directory, commit)
        yield Revision(role=role, commit=commit, schema=Schema(directory, python), note=note)
    finally:
        _remove(directory)


def _interpreter(directory: Path, commit: str) -> tuple[str, str]:
    """This interpreter if the revision locks the same libraries, otherwise one of an environment that has its own."""
    lock = directory / _LOCK
    if not lock.exists():
        raise RevisionError(f"{commit} has no {_LOCK}: what it was written for is not known")
    content = lock.read_bytes()
    if content == (ROOT / _LOCK).read_bytes():
        return sys.executable, ""
    environment = DIRECTORY / "environments" / hashlib.sha256(content).hexdigest()[:16]
    python = environment / "bin" / "python"
    note = f"{commit} locks other libraries than the working tree: it runs on an environment of its own."
    if not (environment / "ready").exists():
        shutil.rmtree(environment, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(environment)])
        _run([str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(lock)])
        (environment / "ready").touch()
    return str(python), note


def _remove(directory: Path) -> None:
    """Takes a worktree away, also one that a killed run has left, and what git remembers of it."""
    if directory.exists():
        shutil.rmtree(directory)
        _git("worktree", "prune")


def _git(*arguments: str) -> str:
    return _run(["git", *arguments])


def _run(command: list[str]) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True)
    if done.returncode:
        raise RevisionError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
    return done.stdout.strip()
