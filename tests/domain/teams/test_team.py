"""The rules of slugs."""

import pytest

from app.domain.errors import Invalid
from app.domain.ids import uuid7
from app.domain.teams.team import SLUG_MAXIMUM, checked_slug, slug_for


class TestCheckedSlug:
    @pytest.mark.parametrize("slug", ["a", "0", "household", "a-b-c", "x" * SLUG_MAXIMUM])
    def test_takes_letters_digits_and_single_hyphens_between_them(self, slug):
        assert checked_slug(slug) == slug

    @pytest.mark.parametrize("slug", ["", "-a", "a-", "a--b", "A", "ä", "a b", "a_b", "a\n", "x" * (SLUG_MAXIMUM + 1)])
    def test_refuses_everything_else(self, slug):
        with pytest.raises(Invalid) as refused:
            checked_slug(slug)
        assert refused.value.fields[0].pointer == "#/slug"


class TestSlugFor:
    @pytest.mark.parametrize(
        ("name", "spoken"),
        [
            ("Our Household", "our-household"),
            ("Café & Küche!", "cafe-kuche"),
            ("家族", "team"),
            ("--", "team"),
            ("a" * 39 + " b", "a" * 39),
        ],
    )
    def test_says_the_name_as_far_as_ascii_can(self, name, spoken):
        team_id = uuid7()
        slug = slug_for(name, team_id)
        assert slug == f"{spoken}-{team_id.hex[-12:]}"
        assert checked_slug(slug) == slug
