"""The service with nothing but what its image holds: locked packages, and the sources beside them, not installed."""

import os
import re
import shutil
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests.server_processes import Server, free_port, wait_until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The two folders that the last stage copies, as far as Python looks into them."""
    for name in ("app", "migrations"):
        shutil.copytree(ROOT / name, tmp_path / "srv" / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "srv")
    packages = tmp_path / "packages"
    packages.mkdir()
    lock = (ROOT / "requirements" / "runtime.lock").read_text(encoding="utf-8")
    for name, marker in re.findall(r"^([\w.-]+)==[^ ;]+(?: ; ([^\\\n]+))?", lock, re.MULTILINE):
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            assert marker, f"{name} is locked and not installed"
            continue
        for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            if not (packages / top).exists():
                (packages / top).symlink_to(Path(str(distribution.locate_file(top))))
    return tmp_path


def test_it_starts_answers_and_stops(image: Path, database_url: str, redis_url: str) -> None:
    port = free_port()
    process = subprocess.Popen(
        # Without the site packages of this environment, which know the project and the tools of its developers.
        [sys.executable, "-S", "-P", "-m", "app.cli", "serve"],
        cwd=image / "srv",
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{image / 'srv'}:{image / 'packages'}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "PORT": str(port),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    server = Server(process, port)
    try:
        wait_until(lambda: server.answers() or process.poll() is not None)
        assert process.poll() is None, process.communicate()[0].decode()
        status, ready, _ = server.get("/health/ready")
        assert (status, ready["status"]) == (200, "ok")
        process.send_signal(signal.SIGTERM)
        output = process.communicate(timeout=30)[0]
        assert process.returncode == 0, output
    finally:
        process.kill()
        process.wait()
