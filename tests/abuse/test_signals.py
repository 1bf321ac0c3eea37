"""What a refusal says about a client, and what it does not."""

import pytest

from app.abuse.scores import HINTS_SHARE
from app.abuse.signals import WEIGHTS, Signal, is_trap, signal_of
from tests.application import application

DEFAULT_THRESHOLD = 5000


def read(code: str, status: int, path: str = "/x", *, routed: bool = True, one: bool = False) -> Signal | None:
    return signal_of(code, status, is_routed=routed, is_about_one=one, path=path)


class TestSignalOf:
    @pytest.mark.parametrize(
        ("code", "status", "signal"),
        [
            ("INVALID_CREDENTIALS", 401, Signal.FAILED_LOGIN),
            ("WRONG_PASSWORD", 401, Signal.FAILED_LOGIN),
            ("WRONG_CODE", 401, Signal.FAILED_LOGIN),
            ("LOGIN_THROTTLED", 429, Signal.THROTTLED_LOGIN),
            ("TOO_MANY_ATTEMPTS", 429, Signal.THROTTLED_LOGIN),
            ("REFRESH_TOKEN_REUSED", 401, Signal.REPLAYED_TOKEN),
            ("INVALID_REFRESH_TOKEN", 401, Signal.BAD_TOKEN),
            ("INVALID_TOKEN", 401, Signal.BAD_TOKEN),
            ("INVALID_MAIL_TOKEN", 401, Signal.BAD_TOKEN),
            ("RATE_LIMITED", 429, Signal.BROKEN_LIMIT),
            ("CURSOR_MISMATCH", 400, Signal.MALFORMED),
            ("MALFORMED_QUERY", 400, Signal.MALFORMED),
        ],
    )
    def test_what_speaks_against_a_client(self, code: str, status: int, signal: Signal):
        assert read(code, status) is signal

    @pytest.mark.parametrize(
        ("code", "status"),
        [
            ("NOT_AUTHENTICATED", 401),
            ("TOKEN_EXPIRED", 401),
            ("SESSION_ENDED", 401),
            ("NOT_ALLOWED", 403),
            ("METHOD_NOT_ALLOWED", 405),
            ("CONFLICT", 409),
            ("PRECONDITION_FAILED", 412),
            ("BODY_TOO_LARGE", 413),
            ("VALIDATION_FAILED", 422),
            ("ADDRESS_BLOCKED", 429),
            ("ADDRESS_SLOWED", 429),
        ],
    )
    def test_to_be_wrong_or_late_or_not_allowed_is_no_attack(self, code: str, status: int):
        assert read(code, status) is None

    def test_404_is_a_walk_over_ids_or_a_path_that_nobody_knows(self):
        assert read("NOT_FOUND", 404, "/api/v2/todos/x", one=True) is Signal.ID_WALK
        assert read("NOT_FOUND", 404, "/api/v2/todos", one=False) is None
        assert read("NOT_FOUND", 404, "/robots.txt", routed=False) is Signal.UNKNOWN_PATH
        assert read("NOT_FOUND", 404, "/.env", routed=False) is Signal.TRAP


class TestTraps:
    @pytest.mark.parametrize("path", ["/.env", "/.ENV.bak", "/wp-login.php", "/.git/config", "/phpmyadmin/index.php"])
    def test_paths_of_other_peoples_mistakes(self, path: str):
        assert is_trap(path)

    @pytest.mark.parametrize(
        "path",
        ["/", "/favicon.ico", "/robots.txt", "/.well-known/security.txt", "/apple-touch-icon.png", "/sitemap.xml"],
    )
    def test_what_browsers_and_crawlers_ask_for_is_none(self, path: str):
        assert not is_trap(path)

    def test_no_route_of_ours_is_one(self):
        routes = application().openapi()["paths"]
        assert len(routes) > 50
        assert [path for path in routes if is_trap(path)] == []


class TestWeights:
    def test_every_signal_has_one(self):
        assert set(WEIGHTS) == set(Signal)

    def test_no_single_thing_blocks(self):
        assert all(weight.points <= DEFAULT_THRESHOLD / 2 for weight in WEIGHTS.values())

    def test_contents_are_hints_and_one_point_together(self):
        contents = [weight for signal, weight in WEIGHTS.items() if signal.startswith("content_")]
        assert len(contents) == 4
        assert sum(weight.points for weight in contents) == 1000
        assert {(weight.is_evidence, weight.each) for weight in contents} == {(False, "window")}

    def test_hints_alone_never_reach_the_threshold(self):
        assert HINTS_SHARE < 1
