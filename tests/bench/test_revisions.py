"""Tests of making revisions ready, in a repository of a few files."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench import revisions
from bench.apps import SERVICE


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two commits; the folder of the benchmark lies beside it."""
    root = tmp_path / "repository"
    (root / "requirements").mkdir(parents=True)
    monkeypatch.setattr(revisions, "ROOT", root)
    monkeypatch.setattr(revisions, "DIRECTORY", tmp_path / "bench")
    git(root, "init", "--quiet", "--initial-branch", "main")
    for number in (1, 2):
        (root / "requirements" / "runtime.lock").write_text("library==1")
        (root / "file").write_text(str(number))
        git(root, "add", ".")
        git(root, "commit", "--quiet", "--message", str(number))
    return root


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Bench", "-c", "user.email=bench@example.com"]
    return subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


class TestCheckedOut:
    def test_it_runs_the_sources_of_the_revision_until_the_block_ends(self, repository: Path) -> None:
        with revisions.checked_out("base", "HEAD~1") as revision:
            app = revision.app
            assert (app.directory / "file").read_text() == "1"
            assert app.settings == {"PYTHONPATH": str(app.directory)}
            assert app.command[0] == sys.executable, "the libraries are the same"
            assert (app.database, app.todos) == ("base", SERVICE.todos)
            assert (repository / "file").read_text() == "2"
        assert not app.directory.exists()
        assert len(git(repository, "worktree", "list").splitlines()) == 1

    def test_what_a_killed_run_has_left_is_in_nobodys_way(self, repository: Path) -> None:
        left = revisions.checked_out("base", "HEAD~1")
        left.__enter__()
        with revisions.checked_out("base", "HEAD") as revision:
            assert (revision.app.directory / "file").read_text() == "2"

    @pytest.mark.parametrize("name", ["no-such-branch", "--help", ""])
    def test_an_unknown_name_is_refused(self, repository: Path, name: str) -> None:
        with pytest.raises(revisions.RevisionError), revisions.checked_out("base", name):
            pass

    def test_a_revision_without_locked_libraries_is_refused(self, repository: Path) -> None:
        git(repository, "rm", "--quiet", "requirements/runtime.lock")
        git(repository, "commit", "--quiet", "--message", "3")
        (repository / "requirements").mkdir(exist_ok=True)
        with (
            pytest.raises(revisions.RevisionError, match=r"has no requirements/runtime\.lock"),
            revisions.checked_out("base", "HEAD"),
        ):
            pass


def test_the_working_tree_is_run_where_it_lies(repository: Path) -> None:
    (repository / "file").write_text("3")
    revision = revisions.working_tree("candidate")
    assert revision.commit.endswith("-dirty")
    assert revision.app.directory == repository
