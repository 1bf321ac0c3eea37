"""Links inside resources. What both versions show leads on in the version that the request came by."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

VERSION_1 = "/api/v1"
VERSION_2 = "/api/v2"


def _version_root(request: Request) -> str:
    template: str = request.scope["route_template"]
    return VERSION_1 if template.startswith(VERSION_1 + "/") else VERSION_2


VersionRoot = Annotated[str, Depends(_version_root)]
