"""What speaks against a client, and how much.

Evidence can block; hints only add to it, since a broken program or an odd header gives them, too: alone they slow a
client down at most. Weights are thousandths of a point; THREAT_THRESHOLD is five points unless somebody changes it.
"""

from enum import StrEnum
from typing import Literal, NamedTuple


class Signal(StrEnum):
    """Something that a client did."""

    FAILED_LOGIN = "failed_login"
    THROTTLED_LOGIN = "throttled_login"
    REPLAYED_TOKEN = "replayed_token"  # noqa: S105 - a name, not a token
    BROKEN_LIMIT = "broken_limit"
    TRAP = "trap"
    ID_WALK = "id_walk"
    UNKNOWN_PATH = "unknown_path"
    MALFORMED = "malformed"
    BAD_TOKEN = "bad_token"  # noqa: S105 - a name, not a token
    CONTENT_SQL = "content_sql"
    CONTENT_SCRIPT = "content_script"
    CONTENT_COMMAND = "content_command"
    CONTENT_TRAVERSAL = "content_traversal"


class Weight(NamedTuple):
    """Thousandths of a point; whether it is evidence; and what is counted within a window.

    Each "time", each different "thing" that it was about, each "moment" of five seconds, or once in the "window".
    """

    points: int
    is_evidence: bool
    each: Literal["time", "thing", "moment", "window"]


MOMENT_SECONDS = 5

WEIGHTS: dict[Signal, Weight] = {
    # Ten wrong passwords within five minutes; a single account is closed to a client after five (app.abuse.logins).
    Signal.FAILED_LOGIN: Weight(500, is_evidence=True, each="time"),
    # Somebody who was told to wait and does not.
    Signal.THROTTLED_LOGIN: Weight(250, is_evidence=True, each="time"),
    # The thief's or the robbed one's: nobody can tell, so twice is not enough.
    Signal.REPLAYED_TOKEN: Weight(2000, is_evidence=True, each="time"),
    # Somebody who runs into limits for two minutes on end. A burst that is refused as a whole counts once.
    Signal.BROKEN_LIMIT: Weight(200, is_evidence=True, each="moment"),
    # Two different traps: one alone may be a typing error, or a link that somebody else has put before them.
    Signal.TRAP: Weight(2500, is_evidence=True, each="thing"),
    # A hundred different things that are not there. Who asks for one of them again and again is not walking.
    Signal.ID_WALK: Weight(50, is_evidence=True, each="thing"),
    # Fifty different paths that no client of ours knows.
    Signal.UNKNOWN_PATH: Weight(100, is_evidence=True, each="thing"),
    Signal.MALFORMED: Weight(200, is_evidence=False, each="moment"),
    Signal.BAD_TOKEN: Weight(100, is_evidence=False, each="moment"),
    # At most a point for all of them together.
    Signal.CONTENT_SQL: Weight(250, is_evidence=False, each="window"),
    Signal.CONTENT_SCRIPT: Weight(250, is_evidence=False, each="window"),
    Signal.CONTENT_COMMAND: Weight(250, is_evidence=False, each="window"),
    Signal.CONTENT_TRAVERSAL: Weight(250, is_evidence=False, each="window"),
}

# Refusals whose code says it all: a secret or a token that somebody gave was wrong.
_BY_CODE: dict[str, Signal] = {
    "INVALID_CREDENTIALS": Signal.FAILED_LOGIN,
    "WRONG_PASSWORD": Signal.FAILED_LOGIN,
    "WRONG_CODE": Signal.FAILED_LOGIN,
    "LOGIN_THROTTLED": Signal.THROTTLED_LOGIN,
    "TOO_MANY_ATTEMPTS": Signal.THROTTLED_LOGIN,
    "REFRESH_TOKEN_REUSED": Signal.REPLAYED_TOKEN,
    "INVALID_TOKEN": Signal.BAD_TOKEN,
    "INVALID_REFRESH_TOKEN": Signal.BAD_TOKEN,
    "INVALID_MAIL_TOKEN": Signal.BAD_TOKEN,
}
# 429s that say nothing new: what led to them was scored when it happened.
UNSCORED = frozenset({"ADDRESS_BLOCKED", "ADDRESS_SLOWED"})

# Paths that only somebody asks for who looks for other people's mistakes; nothing here answers below them.
_TRAPS = (
    *("/.env", "/.git/", "/.svn/", "/.hg/", "/.aws/", "/.ssh/", "/.ds_store", "/.htpasswd", "/.vscode/", "/.npmrc"),
    *("/wp-admin", "/wp-content", "/wp-includes", "/wp-login.php", "/wp-config.php", "/xmlrpc.php", "/phpmyadmin"),
    *("/pma/", "/phpinfo.php", "/adminer.php", "/vendor/phpunit", "/cgi-bin/", "/actuator", "/server-status"),
    *("/manager/html", "/solr/", "/hnap1", "/boaform/", "/owa/", "/autodiscover/", "/_ignition/", "/telescope/"),
    *("/api/.env", "/api/.git/", "/backup.sql", "/dump.sql", "/id_rsa", "/web.config", "/etc/passwd"),
)


def is_trap(path: str) -> bool:
    """True for a path that is a trap. It answers as every other path does that there is not."""
    return path.lower().startswith(_TRAPS)


def signal_of(code: str, status: int, *, is_routed: bool, is_about_one: bool, path: str) -> Signal | None:
    """What a refusal says: its error code and status, whether a route took it, and whether that is about one thing.

    None for most: to be wrong, late or not allowed is no attack.
    """
    if (found := _BY_CODE.get(code)) is not None:
        return found
    if status == 404:
        if is_routed:
            return Signal.ID_WALK if is_about_one else None
        return Signal.TRAP if is_trap(path) else Signal.UNKNOWN_PATH
    if status == 429:
        return None if code in UNSCORED else Signal.BROKEN_LIMIT
    return Signal.MALFORMED if status == 400 else None
