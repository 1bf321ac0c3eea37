"""Tests of what is said where Node or its packages are missing. npm itself is not asked."""

import shutil
import subprocess
from pathlib import Path

import pytest

from bench import node
from bench.places import REFERENCES


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the reference would run."""
    path = tmp_path / "node" / node.SERVICE.name
    monkeypatch.setattr(node, "SERVICE", path)
    return path


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An npm that counts how often it was run, and fails once a file named `offline` lies beside it."""
    directory = tmp_path / "bin"
    directory.mkdir()
    program = directory / "npm"
    program.write_text(
        '#!/bin/sh\necho run >> "$(dirname "$0")/runs"\n'
        'if [ -e "$(dirname "$0")/offline" ]; then echo "npm error no network" >&2; exit 1; fi\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(program) if name in {"node", "npm"} else None)
    return directory


class TestPrepare:
    def test_a_machine_without_node_is_told(self, service: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "which", lambda _name: None)
        assert node.prepare() == "there is no Node with npm on this machine"
        assert not service.exists()

    def test_packages_are_installed_once_and_the_reference_lies_beside_them(self, service: Path, npm: Path) -> None:
        assert [node.prepare(), node.prepare()] == ["", ""]
        assert (npm / "runs").read_text().split() == ["run"]
        assert "fastify" in service.read_text(encoding="utf-8")

    def test_what_npm_says_is_the_reason_and_the_next_run_tries_again(self, service: Path, npm: Path) -> None:
        (npm / "offline").touch()
        assert node.prepare() == "npm could not install its packages (npm error no network)"
        (npm / "offline").unlink()
        assert node.prepare() == ""
        assert len((npm / "runs").read_text().split()) == 2


def test_the_reference_is_javascript_that_node_reads() -> None:
    if not shutil.which("node"):
        pytest.skip("there is no Node")
    checked = subprocess.run(["node", "--check", str(REFERENCES / node.SERVICE.name)], check=False)
    assert checked.returncode == 0
