"""Your own account: the same in both versions, at two places."""

from typing import Any

import pytest

from tests.api.conftest import Person, own_tag

PLACES = pytest.mark.parametrize("place", ["/api/v1/users/me", "/api/v2/me"])


@PLACES
class TestGet:
    async def test_it_shows_who_you_are(self, ann: Person, place: str) -> None:
        response = await ann.http.get(place)
        account = response.json()
        assert response.status_code == 200
        assert (account["id"], account["email"], account["name"]) == (str(ann.user.id), ann.user.email, "Ann")
        assert account["links"]["self"] == place
        assert "argon2" not in response.text

    async def test_it_is_not_sent_twice(self, ann: Person, place: str) -> None:
        first = await ann.http.get(place)
        assert first.headers["etag"] == own_tag(ann, 1)
        assert first.headers["cache-control"] == "private, no-cache"
        again = await ann.http.get(place, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]


@PLACES
class TestPatch:
    async def test_what_is_given_changes(self, ann: Person, place: str) -> None:
        response = await ann.http.patch(place, json={"name": " Zoë ", "timezone": "Asia/Tokyo"})
        account = response.json()
        assert (response.status_code, response.headers["etag"]) == (200, own_tag(ann, 2))
        assert (account["name"], account["timezone"], account["locale"]) == ("Zoë", "Asia/Tokyo", "en")
        assert (await ann.http.get(place)).json() == account

    @pytest.mark.parametrize("patch", [{}, {"name": "Ann"}])
    async def test_what_changes_nothing_leaves_the_version(
        self, ann: Person, place: str, patch: dict[str, str]
    ) -> None:
        response = await ann.http.patch(place, json=patch)
        assert (response.status_code, response.headers["etag"]) == (200, own_tag(ann, 1))

    async def test_merge_patch_is_the_media_type(self, ann: Person, place: str) -> None:
        headers = {"Content-Type": "application/merge-patch+json"}
        response = await ann.http.patch(place, content=b'{"locale": "de-CH"}', headers=headers)
        assert (response.status_code, response.json()["locale"]) == (200, "de-CH")

    async def test_every_fault_is_named(self, ann: Person, place: str) -> None:
        response = await ann.http.patch(place, json={"name": "", "timezone": "Mars/Olympus", "locale": "EN"})
        assert response.status_code == 422
        for field in ("name", "timezone", "locale"):
            assert f"{field} must" in response.text

    @pytest.mark.parametrize(
        "patch",
        [
            {"name": None},
            {"timezone": None},
            {"name": 7},
            {"roles": ["admin"]},
            {"email": "x@example.com"},
            {"version": 9},
        ],
    )
    async def test_anything_else_is_refused(self, ann: Person, place: str, patch: dict[str, Any]) -> None:
        assert (await ann.http.patch(place, json=patch)).status_code == 422
        assert (await ann.http.get(place)).headers["etag"] == own_tag(ann, 1)

    async def test_a_stale_tag_is_a_412(self, ann: Person, place: str) -> None:
        headers = {"If-Match": own_tag(ann, 1)}
        assert (await ann.http.patch(place, json={"name": "Zoë"}, headers=headers)).status_code == 200
        assert (await ann.http.patch(place, json={"name": "Ute"}, headers=headers)).status_code == 412
        assert (await ann.http.get(place)).json()["name"] == "Zoë"
