"""Which permission each route needs, and that there is none without."""

import pytest
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api.dispatch import endpoints
from app.api.needs import Need, need_of, needs
from app.api.routing import ApiRoute, PublicRoute
from app.domain.identity.permissions import Permission
from tests.application import application


async def endpoint(request: Request) -> Response:
    """Answers nothing."""
    return Response(status_code=204)


class TestARouteThatNobodyHasDecidedAbout:
    @pytest.mark.parametrize("tags", [[], ["weather"], ["todos", "tags"]])
    def test_does_not_come_into_being(self, tags: list[str]) -> None:
        router = APIRouter(tags=list(tags), route_class=ApiRoute)
        with pytest.raises(TypeError, match="which permission"):
            router.get("/weather")(endpoint)

    def test_nor_does_a_write_where_there_is_only_reading(self) -> None:
        router = APIRouter(tags=["operations"], route_class=ApiRoute)
        router.get("/stats")(endpoint)
        with pytest.raises(TypeError, match="which permission"):
            router.post("/stats")(endpoint)

    def test_but_one_for_everybody_does(self) -> None:
        APIRouter(route_class=PublicRoute).get("/weather")(endpoint)

    def test_and_so_does_one_that_says_what_it_needs(self) -> None:
        router = APIRouter(route_class=ApiRoute)
        router.get("/weather")(needs(Permission.ME_READ)(endpoint))
        (route,) = router.routes
        assert isinstance(route, ApiRoute)
        assert route.need == Need(Permission.ME_READ, checks_roles=False)
        del endpoint.need  # type: ignore[attr-defined]  # `needs` has put it there


class TestWhatFollows:
    @pytest.mark.parametrize(
        ("tag", "methods", "permission"),
        [
            ("todos", {"GET"}, "todos:read"),
            ("todos", {"POST"}, "todos:write"),
            ("todos", {"GET", "POST"}, "todos:write"),
            ("tags", {"DELETE"}, "tags:write"),
            ("me", {"GET"}, "account"),
            ("auth", {"POST"}, "account"),
            ("users", {"PATCH"}, "users:admin"),
        ],
    )
    def test_from_tag_and_method(self, tag: str, methods: set[str], permission: str) -> None:
        assert need_of(endpoint, [tag], methods).permission == permission

    def test_roles_are_checked_where_not_everybody_has_it_unless_that_would_tell(self) -> None:
        assert need_of(endpoint, ["users"], {"GET"}).checks_roles
        assert not need_of(endpoint, ["todos"], {"GET"}).checks_roles

        @needs(Permission.USERS_READ, hides=True)
        async def hiding(request: Request) -> Response:
            return Response()

        assert not need_of(hiding, ["users"], {"GET"}).checks_roles


def test_every_permission_is_needed_somewhere() -> None:
    routes = [each.route for each in endpoints(application().routes)]
    assert {route.need.permission for route in routes if not route.is_public} == set(Permission)
