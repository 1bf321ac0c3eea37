"""The packages of the Node reference: pinned here, installed into the benchmark's own folder by npm, once."""

import json
import shutil
import subprocess

from bench.places import DIRECTORY, REFERENCES

PACKAGES = {"fastify": "5.12.8", "pg": "8.16.3"}
SERVICE = DIRECTORY / "node" / "fastify_service.mjs"
"""Where the reference runs: Node looks for packages beside the file that imports them."""
_INSTALL_SECONDS = 120.0


def prepare() -> str:
    """Installs the packages unless they are there, and puts the reference beside them.

    Returns "" when it can be started, otherwise why it cannot: a benchmark without Node is still one.
    """
    if not (shutil.which("node") and (npm := shutil.which("npm"))):
        return "there is no Node with npm on this machine"
    directory = SERVICE.parent
    directory.mkdir(parents=True, exist_ok=True)
    wanted = json.dumps({"private": True, "dependencies": PACKAGES})
    manifest, installed = directory / "package.json", directory / "installed.json"
    if not installed.exists() or installed.read_text(encoding="utf-8") != wanted:
        manifest.write_text(wanted, encoding="utf-8")
        if fault := _installed(npm):
            return fault
        installed.write_text(wanted, encoding="utf-8")
    shutil.copyfile(REFERENCES / SERVICE.name, SERVICE)
    return ""


def version() -> str:
    """The version of Node, with the packages that are used."""
    found = subprocess.run(["node", "--version"], capture_output=True, check=False, text=True)  # noqa: S607 - whichever is installed
    packages = ", ".join(f"{name} {number}" for name, number in PACKAGES.items())
    return f"Node {found.stdout.strip().removeprefix('v')}, {packages}"


def _installed(npm: str) -> str:
    try:
        subprocess.run(
            [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts"],
            cwd=SERVICE.parent,
            capture_output=True,
            check=True,
            text=True,
            timeout=_INSTALL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"npm did not install its packages within {_INSTALL_SECONDS:.0f} s"
    except subprocess.CalledProcessError as error:
        lines = [line for line in error.stderr.splitlines() if "error" in line] or ["no reason given"]
        return f"npm could not install its packages ({lines[0]})"
    return ""
