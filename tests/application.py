"""The application as it is declared, for tests that read it: made once, connected to nothing, and changed by nobody."""

from functools import cache
from typing import Any

from fastapi import FastAPI

from app.api.openapi import Version, document
from app.main import create_app
from app.settings import load_settings

VERSIONS: tuple[Version, ...] = ("v1", "v2")


@cache
def application() -> FastAPI:
    """The application under the settings of tests."""
    return create_app(load_settings(ENVIRONMENT="test"))


@cache
def document_made(version: Version) -> dict[str, Any]:
    """What the application says of a version."""
    return document(application(), version)
