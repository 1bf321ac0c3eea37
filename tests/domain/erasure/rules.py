"""What becomes of each table when somebody is erased, and why that is enough. A test holds the list to the tables."""

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple


class Fate(Enum):
    """What happens to the rows that lead to the person."""

    DELETED = "deleted"
    UNLINKED = "kept without the person"
    EXPIRING = "left to a job that deletes it soon"
    NOBODYS = "never led to anybody"


class Rule(NamedTuple):
    """The fate of the rows of one table; `reason` says what goes, or why what stays may stay."""

    fate: Fate
    reason: str


RULES: Mapping[str, Rule] = {
    "users": Rule(Fate.DELETED, "The account itself, last: its address can register anew."),
    "sessions": Rule(Fate.DELETED, "They have ended when the erasure was asked for."),
    "refresh_tokens": Rule(Fate.DELETED, "Those of the sessions."),
    "api_keys": Rule(Fate.DELETED, "They have ended when the erasure was asked for."),
    "login_challenges": Rule(Fate.DELETED, "Nobody can finish a login."),
    "mailed_tokens": Rule(Fate.DELETED, "Those of the account, and those that others had sent to its address."),
    "guesses": Rule(Fate.DELETED, "Counters of an account that is not there."),
    "second_factors": Rule(Fate.DELETED, "With the telephone number."),
    "recovery_codes": Rule(Fate.DELETED, "They prove nothing any more."),
    "code_sendings": Rule(Fate.DELETED, "Keyed hashes of the id and of telephone numbers."),
    "exports": Rule(Fate.DELETED, "Requests for archives."),
    "export_chunks": Rule(Fate.DELETED, "The archives."),
    "messages": Rule(Fate.DELETED, "What waits to be sent to the person; what was sent says nobody's name."),
    "teams": Rule(Fate.DELETED, "The personal team, and others in which nobody else is."),
    "team_memberships": Rule(Fate.DELETED, "Who can still come in and has the highest role inherits the team."),
    "todos": Rule(Fate.UNLINKED, "Those of teams that stay belong to the team: nobody created them or has to do them."),
    "projects": Rule(Fate.UNLINKED, "As todos."),
    "tags": Rule(Fate.DELETED, "With the teams that go; tags of other teams say nobody's name."),
    "address_blocks": Rule(Fate.UNLINKED, "The decision of an administrator stays, without saying whose it was."),
    "audit_log": Rule(
        Fate.UNLINKED,
        "What was done stays provable under an id that nobody has any more; addresses and values are taken out.",
    ),
    "audit_chains": Rule(Fate.NOBODYS, "Hashes of hashes."),
    "audit_policy": Rule(Fate.NOBODYS, "How long the log is kept."),
    "erasures": Rule(Fate.UNLINKED, "A digest of the id, by which an older backup can be told whom to erase again."),
    "cache_touches": Rule(Fate.EXPIRING, "Ids of what has changed, until the caches know: seconds."),
}
