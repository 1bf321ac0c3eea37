"""Who may do what: a few rules, from which the matrix computes what each caller must get from each operation.

Knows nothing of how the service decides. An operation that no rule fits fails the matrix until somebody says here what
it takes: that is how a new operation gets its line.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What a caller gets, as far as it says something about what they may do."""

    SERVED = "served"  # 2xx, or a refusal for a reason that has nothing to do with who asks
    UNKNOWN = "401"
    FORBIDDEN = "403"
    INVISIBLE = "404"
    UNSEEN = "422"  # what a body gets that names a team or a project that is invisible


class Role(StrEnum):
    """Everybody that the matrix asks as. In a team, those from VIEWER on may do ever more."""

    ANONYMOUS = "anonymous"
    DEACTIVATED = "deactivated"
    LOGGED_OUT = "logged out"
    OUTSIDER = "outsider"
    ADMINISTRATOR = "administrator of the service"
    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"
    OWNER = "owner"


class Place(StrEnum):
    """Whose things an operation is tried on."""

    OWN = "own"
    TEAM = "the team's"
    OTHER = "another team's"


NOBODY = frozenset({Role.ANONYMOUS, Role.DEACTIVATED, Role.LOGGED_OUT})
_RANKS = (Role.VIEWER, Role.MEMBER, Role.ADMIN, Role.OWNER)
Expected = Callable[[Role, Place], Outcome]


@dataclass(frozen=True)
class Rule:
    """What the operations that fit `operations` (a pattern over "GET /todos", without the version) take."""

    operations: str
    expected: Expected


def rank_in(role: Role, place: Place) -> int | None:
    """How high the caller stands in the team that the thing belongs to; None if they are not in it."""
    if place is Place.OWN:
        return _RANKS.index(Role.OWNER)
    return _RANKS.index(role) if place is Place.TEAM and role in _RANKS else None


def at_least(needed: Role, *, outside: Outcome = Outcome.INVISIBLE) -> Expected:
    """For members of the team from `needed` on; lower ones see that they may not, others see nothing."""

    def expected(role: Role, place: Place) -> Outcome:
        rank = rank_in(role, place)
        if rank is None:
            return outside
        return Outcome.SERVED if rank >= _RANKS.index(needed) else Outcome.FORBIDDEN

    return expected


def anybody(_role: Role, _place: Place) -> Outcome:
    """For everybody who is known: it is about the caller, or shows only what the caller may see."""
    return Outcome.SERVED


def themselves(_role: Role, place: Place) -> Outcome:
    """For the one whose thing it is; to all others, administrators included, it does not exist."""
    return Outcome.SERVED if place is Place.OWN else Outcome.INVISIBLE


def administrators(role: Role, _place: Place) -> Outcome:
    """For administrators of the service; all others see that it is not for them."""
    return Outcome.SERVED if role is Role.ADMINISTRATOR else Outcome.FORBIDDEN


def administrators_and_themselves(role: Role, place: Place) -> Outcome:
    """For administrators and the one whose account it is; to all others it does not exist."""
    return Outcome.SERVED if role is Role.ADMINISTRATOR or place is Place.OWN else Outcome.INVISIBLE


def administrators_alone(role: Role, _place: Place) -> Outcome:
    """For administrators of the service; to all others it does not exist."""
    return Outcome.SERVED if role is Role.ADMINISTRATOR else Outcome.INVISIBLE


def administrators_on_whom_they_see(role: Role, place: Place) -> Outcome:
    """For administrators; everybody sees themselves, and so that they may not."""
    if role is Role.ADMINISTRATOR:
        return Outcome.SERVED
    return Outcome.FORBIDDEN if place is Place.OWN else Outcome.INVISIBLE


_THING = r"/(todos|projects|tags)/{\w+}"

# The first rule that fits counts.
RULES = (
    Rule(r"GET /(users/me|me|me/sessions|me/api-keys|me/limits|me/activity)", anybody),
    Rule(r"PATCH /(users/me|me)", anybody),
    Rule(r"DELETE /me", anybody),
    Rule(r"(POST /me/export|GET /me/exports)", anybody),
    Rule(r"GET /me/exports/{export_id}(/archive)?", themselves),
    Rule(r"(PATCH|DELETE) /me/sessions/{session_id}", themselves),
    Rule(r"POST /me/sessions/revoke-others", anybody),
    Rule(r"POST /me/(api-keys|email|email/verify)", anybody),
    Rule(r"(GET|DELETE) /me/api-keys/{api_key_id}", themselves),
    Rule(r"POST /me/api-keys/{api_key_id}/rotate", themselves),
    Rule(r"POST /auth/step-up", anybody),
    Rule(r"GET /me/mfa", anybody),
    Rule(r"(POST|DELETE) /me/mfa/(totp|sms|mail)", anybody),
    Rule(r"POST /me/mfa/({method}/(confirm|send)|recovery-codes)", anybody),
    Rule(r"DELETE /users/{user_id}/mfa", administrators_on_whom_they_see),
    Rule(r"POST /auth/(logout|logout-all|password/change)", anybody),
    Rule(r"GET /(users|audit|api/middleware/stats)", administrators),
    Rule(r"(GET|POST) /admin/blocks", administrators),
    Rule(r"(GET|DELETE) /admin/blocks/{block_id}", administrators_alone),
    Rule(r"GET /users/{user_id}", administrators_and_themselves),
    Rule(r"PATCH /users/{user_id}", administrators_on_whom_they_see),
    Rule(r"(GET|DELETE) /users/{user_id}/(sessions|api-keys)(/{\w+})?", administrators_on_whom_they_see),
    Rule(r"GET /(todos|projects|tags|teams)", anybody),
    Rule(r"GET /(todos/(today|upcoming|overdue|trash|stats)|projects/trash)", anybody),
    Rule(r"POST /(todos|projects|tags)", at_least(Role.MEMBER, outside=Outcome.UNSEEN)),
    Rule(r"POST /todos/(batch|bulk-process)", at_least(Role.MEMBER)),
    Rule(rf"GET {_THING}", at_least(Role.VIEWER)),
    Rule(rf"(PUT|PATCH|DELETE) {_THING}", at_least(Role.MEMBER)),
    Rule(r"POST /todos/{\w+}/(complete|reopen|move|duplicate|restore)", at_least(Role.MEMBER)),
    Rule(r"POST /projects/{\w+}/(archive|unarchive|restore)", at_least(Role.MEMBER)),
    Rule(r"POST /tags/{\w+}/merge", at_least(Role.MEMBER)),
    Rule(r"POST /teams", anybody),
    Rule(r"GET /teams/{team_id}(/members(/{user_id})?)?", at_least(Role.VIEWER)),
    Rule(r"POST /teams/{team_id}/leave", at_least(Role.VIEWER)),
    Rule(r"PATCH /teams/{team_id}", at_least(Role.ADMIN)),
    Rule(r"DELETE /teams/{team_id}", at_least(Role.OWNER)),
    Rule(r"POST /teams/{team_id}/members", at_least(Role.ADMIN)),
    # As the document's example has it, which makes an admin: only owners may.
    Rule(r"PATCH /teams/{team_id}/members/{user_id}", at_least(Role.OWNER)),
    Rule(r"DELETE /teams/{team_id}/members/{user_id}", at_least(Role.ADMIN)),
)


def rule_for(operation: str) -> Rule | None:
    """The rule for "GET /todos"; None if nobody has made one."""
    return next((rule for rule in RULES if re.fullmatch(rule.operations, operation)), None)


def expected(operation: str, role: Role, place: Place, *, is_public: bool) -> Outcome | None:
    """What the caller must get; None if no rule says."""
    if is_public:
        return Outcome.SERVED
    rule = rule_for(operation)
    if rule is None:
        return None
    return Outcome.UNKNOWN if role in NOBODY else rule.expected(role, place)
