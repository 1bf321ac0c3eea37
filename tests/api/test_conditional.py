"""Tests of entity tags in every coding that they are sent in."""

import pytest
from starlette.requests import Request

from app.api.conditional import entity_tag, expected_versions, is_unchanged
from app.api.content_codings import CODINGS
from app.api.problems import HttpProblem

TAG = entity_tag(3, "member")


def asking(held: str, accepted: str | None = None) -> Request:
    headers = [(b"if-none-match", held.encode())]
    if accepted is not None:
        headers.append((b"accept-encoding", accepted.encode()))
    return Request({"type": "http", "headers": headers})


class TestIsUnchanged:
    @pytest.mark.parametrize("accepted", [None, "", "br", "gzip, deflate, br, zstd"])
    @pytest.mark.parametrize("held", ['"3-member"', 'W/"3-member"', "*", '"2-member", "3-member"'])
    def test_whoever_has_it_plain_has_it(self, held: str, accepted: str | None):
        assert is_unchanged(asking(held, accepted), TAG)

    @pytest.mark.parametrize("coding", [coding.decode() for coding in CODINGS])
    def test_so_has_who_has_it_in_a_coding_that_it_accepts(self, coding: str):
        for held in (f'"3-member-{coding}"', f'W/"3-member-{coding}"', f'"1-x", "3-member-{coding}"'):
            assert is_unchanged(asking(held), TAG)
            assert is_unchanged(asking(held, f"deflate, {coding};q=0.1, *;q=0.5"), TAG)

    @pytest.mark.parametrize("accepted", ["", "gzip", "br;q=0", "identity", "br;q=oops"])
    def test_one_in_a_coding_that_is_not_accepted_now_is_of_no_use(self, accepted: str):
        assert not is_unchanged(asking('"3-member-br"', accepted), TAG)
        assert is_unchanged(asking('"3-member-br", "3-member"', accepted), TAG)

    @pytest.mark.parametrize(
        "held",
        [
            '"2-member"',
            '"2-member-br"',
            '"3-owner-br"',
            '"3-member-"',
            '"3-member-deflate"',
            '"3-member-br-br"',
            '"3-memberbr"',
        ],
    )
    def test_any_other_tag_is_another_state(self, held: str):
        assert not is_unchanged(asking(held), TAG)

    def test_a_weak_tag_is_the_same_in_every_coding(self):
        assert is_unchanged(asking('W/"abc"', "br"), 'W/"abc"')
        assert not is_unchanged(asking('"abc-br"', "br"), 'W/"abc"')

    def test_several_lines_are_one_list(self):
        headers = [(b"if-none-match", b'"1-x"'), (b"if-none-match", b'"3-member-br"')]
        headers += [(b"accept-encoding", b"gzip"), (b"accept-encoding", b"br")]
        assert is_unchanged(Request({"type": "http", "headers": headers}), TAG)

    def test_what_is_no_tag_is_refused(self):
        with pytest.raises(HttpProblem):
            is_unchanged(asking("3-member-br"), TAG)


class TestExpectedVersions:
    @pytest.mark.parametrize("coding", [coding.decode() for coding in CODINGS])
    def test_a_version_is_the_same_in_every_coding(self, coding: str):
        assert expected_versions(f'"3-member-{coding}"') == frozenset({3})
        assert expected_versions(f'"3-member-{coding}", "4-owner"') == frozenset({3, 4})

    @pytest.mark.parametrize(
        "tag", ['"3-member-deflate"', '"3-member-"', '"3-br-br-br"', 'W/"3-member-br"', '"0-x-br"']
    )
    def test_other_forms_match_no_version(self, tag: str):
        assert expected_versions(tag) == frozenset()

    def test_without_the_header_any_version(self):
        assert expected_versions(None) is None
        assert expected_versions("*") is None
