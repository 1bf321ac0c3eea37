"""What the Dockerfiles promise, as far as it can be seen without an engine; the health check is really run."""

import json
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILES = (ROOT / "Dockerfile", ROOT / "deploy/proxy/Dockerfile")


def instructions(path: Path) -> list[tuple[str, str]]:
    """(keyword, argument) of each instruction, comments gone and continued lines joined."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in joined.splitlines() if line.strip()]


def last_stage() -> list[tuple[str, str]]:
    found = instructions(ROOT / "Dockerfile")
    start = max(index for index, (keyword, _) in enumerate(found) if keyword == "FROM")
    return found[start:]


def only(keyword: str) -> str:
    values = [argument for found, argument in last_stage() if found == keyword]
    assert len(values) == 1, (keyword, values)
    return values[0]


class TestEveryDockerfile:
    @pytest.mark.parametrize("path", DOCKERFILES, ids=str)
    def test_it_fetches_no_other_syntax(self, path):
        assert not re.search(r"^#\s*syntax\s*=", path.read_text(encoding="utf-8"), re.MULTILINE | re.IGNORECASE)

    @pytest.mark.parametrize("path", DOCKERFILES, ids=str)
    def test_the_base_image_can_be_chosen(self, path):
        found = instructions(path)
        assert found[0][0] == "ARG"
        assert found[0][1].startswith("BASE_IMAGE=")
        bases = {argument.split()[0] for keyword, argument in found if keyword == "FROM"}
        assert bases == {"${BASE_IMAGE}"}


class TestTheServiceImage:
    def test_it_runs_as_a_number_that_is_not_root(self):
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", only("USER"))

    def test_it_holds_nothing_but_what_the_builder_made(self):
        copied = [argument for keyword, argument in last_stage() if keyword in {"COPY", "ADD"}]
        assert copied == ["--from=builder /opt/venv /opt/venv", "--from=builder /srv/todo /srv/todo"]
        run = [argument for keyword, argument in last_stage() if keyword == "RUN"]
        assert run == ["install -d -o 10001 -g 10001 -m 0700 /ledger"]

    def test_signals_reach_the_service_and_not_a_shell(self):
        assert json.loads(only("ENTRYPOINT")) == ["todo"]
        assert json.loads(only("CMD")) == ["serve"]
        assert only("STOPSIGNAL") == "SIGTERM"

    def test_it_writes_no_bytecode_and_listens_for_the_proxy(self):
        environment = only("ENV")
        assert "PYTHONDONTWRITEBYTECODE=1" in environment
        assert re.search(r"\bHOST=0\.0\.0\.0\b", environment)

    def test_dependencies_are_installed_before_the_sources_are_copied(self):
        arguments = [argument for _, argument in instructions(ROOT / "Dockerfile")]
        install = next(index for index, argument in enumerate(arguments) if "--require-hashes" in argument)
        assert install > next(index for index, argument in enumerate(arguments) if "runtime.lock" in argument)
        assert install < next(index for index, argument in enumerate(arguments) if argument.startswith("app "))

    def test_its_command_is_the_one_of_the_project(self):
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        module, function = project["project"]["scripts"]["todo"].split(":")
        script = next(argument for _, argument in instructions(ROOT / "Dockerfile") if argument.startswith("printf"))
        lines = re.findall(r"'([^']*)'", script)[2:]
        assert lines == [
            "import sys",
            'if __name__ == "__main__":',  # Without it each worker process would start the service again.
            f"    from {module} import {function}",
            f"    sys.exit({function}())",
        ]

    def test_the_build_sees_only_what_it_copies(self):
        found = instructions(ROOT / "Dockerfile")
        copied = {
            word.rstrip("/")
            for keyword, argument in found
            if keyword == "COPY" and "--from" not in argument
            for word in argument.split()[:-1]
            if not word.startswith("--")
        }
        lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        rules = [line for line in lines if line and not line.startswith("#")]
        assert rules[0] == "*"
        assert {rule[1:] for rule in rules if rule.startswith("!")} == copied


class TestHealthCheck:
    def test_a_living_service_is_healthy(self):
        with _answering(200) as port:
            assert _check(port) == 0

    def test_an_error_is_not(self):
        with _answering(503) as port:
            assert _check(port) != 0

    def test_silence_is_not(self):
        with _answering(200) as port:
            pass
        assert _check(port) != 0

    def test_a_proxy_of_the_build_machine_is_not_asked(self):
        with _answering(200) as port, _answering(503) as other:
            assert _check(port, http_proxy=f"http://127.0.0.1:{other}", HTTP_PROXY=f"http://127.0.0.1:{other}") == 0


def _check(port: int, **environment: str) -> int:
    command = json.loads(only("HEALTHCHECK").split(" CMD ", 1)[1])
    assert command[0] == "python"
    run = subprocess.run(
        [sys.executable, *command[1:]],
        env={"PORT": str(port), **environment},
        capture_output=True,
        check=False,
        timeout=30,
    )
    return run.returncode


@contextmanager
def _answering(status: int) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health/live" else 404)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
