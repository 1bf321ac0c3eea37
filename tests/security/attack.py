"""sqlmap and wapiti against a running service: `make attack`, which installs both into a folder of their own first.

Starts `todo serve` on servers of its own with a team, todos, projects and tags; has sqlmap try every operation of both
documents, each path, query and body parameter in turn, and wapiti scan both documents; then says what they asked and
what they found. Bounded: `--seconds` for each operation under sqlmap and for each module of wapiti, and ten times as
many for wapiti to look around. Ends with status 1 if anything was found, or if the service answered 500.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import randrange
from typing import Any
from uuid import uuid4

import httpx

from app.database import migrations
from app.database.executor import Database
from app.domain.identity.authority import authority
from app.local_stack import LocalStack
from app.settings import load_settings, variables
from bench.messages import request
from bench.processes import Server, serving
from tests.conftest import directory_for_servers
from tests.factories import make_user, open_session
from tests.security.operations import VERSIONS, Operation, document_of, operations

ROOT = Path(__file__).resolve().parents[2]
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Each ends what the scan needs to go on: its session, its account or its key.
_SUICIDAL = re.compile(r"logout|revoke|password|sessions|/me$|/me/mfa|^/api/v\d/users")
# What wapiti says of every service that leaves this to others, and why that is right here.
_EXPLAINED = {
    "Clickjacking Protection": "`frame-ancestors 'none'` says it, which replaces X-Frame-Options",
    "Unencrypted Channels": "TLS ends at the proxy; this process is asked directly here",
}
# Without those that look for programs of others, or that need a server to be called back.
_WAPITI_MODULES = (
    "backup,cookieflags,crlf,csp,csrf,exec,file,htaccess,http_headers,https_redirect,ldap,methods,permanentxss,redirect,"
    "shellshock,sql,timesql,upload,xss,xxe"
)


@dataclass(frozen=True)
class Target:
    """The running service."""

    server: Server
    database_url: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def victim(self) -> "Victim":
        """An administrator with one thing of each kind. A new one for each attack: some end sessions and teams."""
        token = asyncio.run(_token(self.database_url))
        with httpx.Client(base_url=f"{self.url}/api/v2", headers={"Authorization": f"Bearer {token}"}) as http:

            def made(path: str, **body: Any) -> str:
                return str(http.post(path, json=body).raise_for_status().json()["id"])

            team = made("/teams", name="Household")
            ids = {
                "team_id": team,
                "todo_id": made("/todos", title="Water the plants", team_id=team),
                "project_id": made("/projects", name="Garden", team_id=team),
                "tag_id": made("/tags", name="home", team_id=team),
                "user_id": str(http.get("/me").raise_for_status().json()["id"]),
                "session_id": str(http.get("/me/sessions").raise_for_status().json()["items"][0]["id"]),
                "api_key_id": made("/me/api-keys", name="Program", scopes=["todos:read"]),
                "block_id": made("/admin/blocks", address=f"198.18.{randrange(256)}.{randrange(256)}"),
            }
        return Victim(token, ids)


@dataclass(frozen=True)
class Victim:
    """Somebody who is logged in, and ids of their things by the names that paths have for them."""

    token: str
    ids: dict[str, str]


@contextmanager
def running() -> Iterator[Target]:
    """The service, on servers of its own."""
    directory = directory_for_servers()
    try:
        with LocalStack(directory, durable=False) as servers:
            migrations.upgrade(servers.database_url())
            own = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in variables()}
            given = {
                "DATABASE_URL": servers.database_url(),
                "REDIS_URL": servers.redis_url(),
                "ENVIRONMENT": "test",
                "ACCESS_TOKEN_MINUTES": "60",
                # They protect against just this; what is behind them is to be attacked.
                "RATE_LIMIT_FACTOR": "1000000",
                "ENABLE_IP_WHITELIST": "true",
                "IP_WHITELIST": "127.0.0.0/8",
            }
            with serving(
                "the service",
                (str(Path(sys.executable).with_name("todo")), "serve"),
                environment={**own, **given},
                directory=ROOT,
                log=directory / "service.log",
                answers=request("GET", "/health/ready"),
                cores=None,
            ) as server:
                yield Target(server, servers.database_url())
    finally:
        shutil.rmtree(directory, ignore_errors=True)


async def _token(database_url: str) -> str:
    settings = load_settings(DATABASE_URL=database_url, ACCESS_TOKEN_MINUTES="60")
    database, proofs = Database(settings.database), authority(settings.security)
    try:
        user = await make_user(database, roles=("admin",))
        return (await open_session(database, proofs, user)).access_token
    finally:
        proofs.close()
        await database.close()


def raw(target: Target, operation: Operation) -> str | None:
    """The operation as a request with sqlmap's mark behind everything that can be changed; None if nothing can."""
    victim = target.victim()
    kinds = {each["name"]: each.get("schema", {}).get("enum", [str(uuid4())])[0] for each in operation.parameters}
    path = re.sub(r"{(\w+)}", lambda name: victim.ids.get(name[1], kinds[name[1]]) + "*", operation.path)
    query = "&".join(
        f"{each['name']}={_value(each, victim)}*" for each in operation.parameters if each["in"] == "query"
    )
    body = "" if operation.example is None else json.dumps(_marked(operation.example, victim))
    if "*" not in path + query + body:
        return None
    lines = [
        f"{operation.method} {path}{'?' if query else ''}{query} HTTP/1.1",
        f"Host: 127.0.0.1:{target.server.port}",
        *([] if operation.is_public else [f"Authorization: Bearer {victim.token}"]),
        *([f"Content-Type: {operation.media_type}"] if body else []),
    ]
    return "\r\n".join([*lines, "", body])


def _value(parameter: dict[str, Any], victim: Victim) -> str:
    name: str = parameter["name"]
    example = parameter.get("example", parameter.get("schema", {}).get("examples", [""])[0])
    return victim.ids.get(name, str(example if not isinstance(example, list) else example[0]))


def _marked(value: Any, victim: Victim) -> Any:
    match value:
        case dict():
            return {name: _marked(inner, victim) for name, inner in value.items()}
        case list():
            return [_marked(inner, victim) for inner in value]
        case str():
            return f"{_UUID.sub(victim.ids['todo_id'], value)}*"
        case _:
            return value


def sqlmap(program: Path, target: Target, *, seconds: int, chosen: str) -> list[str]:
    """What sqlmap finds in the operations whose names match `chosen`."""
    found, outcomes = [], Counter[str]()
    with tempfile.TemporaryDirectory() as directory:
        for operation in operations():
            content = raw(target, operation)
            if content is None or not re.search(chosen, str(operation)):
                continue
            file = Path(directory) / "request.txt"
            file.write_bytes(content.encode())
            arguments = ["-r", str(file), "--output-dir", directory, "--batch", "--flush-session", "--level", "2"]
            arguments += ["--risk", "2", "--dbms", "PostgreSQL", "--ignore-code", "*", "--timeout", "10"]
            said = _said([str(program), *arguments, "--disable-coloring"], seconds=seconds)
            if "identified the following injection point" in said:
                outcome = "injectable"
                found.append(f"sqlmap: {operation}: {said[-2000:]}")
            elif "do not appear to be injectable" in said:
                outcome = "not injectable"
            else:
                outcome = "not injectable as far as the time went" if said.endswith("time is up") else "not tested"
            outcomes[outcome] += 1
            _say(f"sqlmap: {operation}: {outcome}")
    _say(f"sqlmap: {dict(outcomes)}")
    return found


def wapiti(program: Path, target: Target, *, seconds: int) -> list[str]:
    """What wapiti finds in both documents, but for what is explained."""
    found = []
    with tempfile.TemporaryDirectory() as directory:
        for version in VERSIONS:
            report, document = Path(directory) / f"{version}-report.json", Path(directory) / f"{version}.json"
            victim = target.victim()
            document.write_text(json.dumps(_document(version, target, victim)), encoding="utf-8")
            arguments = ["--swagger", str(document), "-u", f"{target.url}/", "--scope", "domain"]
            arguments += ["-H", f"Authorization: Bearer {victim.token}", "-m", _WAPITI_MODULES, "--flush-session"]
            arguments += ["--max-scan-time", str(10 * seconds), "--max-attack-time", str(seconds), "--no-bugreport"]
            arguments += ["--store-session", directory, "-f", "json", "-o", str(report)]
            said = _said([str(program), *arguments], seconds=seconds * (20 + _WAPITI_MODULES.count(",")))
            if not report.exists():
                raise SystemExit(f"wapiti did not finish: {said[-2000:]}")
            content = json.loads(report.read_text(encoding="utf-8"))
            for kind in ("vulnerabilities", "anomalies"):
                for name, each in content[kind].items():
                    lines = [f"wapiti: {name}: {one['method']} {one['path']}: {one['info']}" for one in each]
                    if name in _EXPLAINED and lines:
                        _say(f"{lines[0]} (explained: {_EXPLAINED[name]})")
                    else:
                        found += lines
            _say(f"wapiti: {version}: {content['infos'].get('crawled_pages_nbr')} pages, {len(found)} findings so far")
    return found


def _document(version: str, target: Target, victim: Victim) -> dict[str, Any]:
    """The document without what would end the scan, about the running service and things that exist in it."""
    text = json.dumps(document_of(version))
    for name, value in victim.ids.items():
        text = text.replace(f"{{{name}}}", value)
    document: dict[str, Any] = json.loads(text)
    document["servers"] = [{"url": target.url}]
    document["paths"] = {path: each for path, each in document["paths"].items() if not _SUICIDAL.search(path)}
    return document


def _said(command: list[str], *, seconds: int) -> str:
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=seconds, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as error:
        return (error.stdout or b"").decode(errors="replace") + "time is up"
    return (done.stdout + done.stderr).decode(errors="replace")


def statuses(log: Path) -> Counter[int]:
    """How often the service answered with which status; 0 where the connection broke off before."""
    lines = (json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("{"))
    return Counter(line["status"] or 0 for line in lines if line.get("event") == "request")


def main() -> int:
    """Attacks; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tools", type=Path, required=True, help="the folder that sqlmap and wapiti are in")
    parser.add_argument("--seconds", type=int, default=120, help="for each operation under sqlmap")
    parser.add_argument("--only", default=".", help="a pattern for the operations that sqlmap is to try")
    options = parser.parse_args()
    with running() as target:
        found = sqlmap(options.tools / "sqlmap", target, seconds=options.seconds, chosen=options.only)
        by_sqlmap = statuses(target.server.log)
        found += wapiti(options.tools / "wapiti", target, seconds=options.seconds)
        by_both = statuses(target.server.log)
    _say(f"requests by sqlmap: {by_sqlmap.total()} {dict(by_sqlmap)}")
    _say(f"requests by wapiti: {(by_both - by_sqlmap).total()} {dict(by_both - by_sqlmap)}")
    failures = sum(count for status, count in by_both.items() if status >= 500)
    for finding in found:
        _say(finding)
    _say(f"{len(found)} findings, {failures} answers of 500 and above")
    return int(bool(found) or bool(failures))


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - it is run by hand


if __name__ == "__main__":
    sys.exit(main())
