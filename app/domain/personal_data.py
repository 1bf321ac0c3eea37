"""What each table holds of people: how a row leads to a person, and what becomes of it in an archive for that person.

Knows names of tables and columns alone. Every table is listed here, also those that hold nothing of anybody; tests hold
the list to the tables, column by column, so that what somebody adds is decided on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

NOBODY = "nobody"


@dataclass(frozen=True, kw_only=True)
class Held:
    """One table. `owner` says which column leads to the person, and through which table if not directly.

    `file` is where its rows are in the archive, and `withheld` says of each column that is not there why. Without a
    file, `left_out` says why.
    """

    owner: str
    file: str | None = None
    withheld: Mapping[str, str] = field(default_factory=dict)
    left_out: str = ""

    @property
    def is_personal(self) -> bool:
        """True if its rows lead to people."""
        return self.owner != NOBODY


_SECRET = "It proves who somebody is; who has the archive must not be able to do that."  # noqa: S105 - a sentence
_DERIVED = "Made by the service from another value, which is there."
_ITSELF = "It is the person whom the archive is about."
_WORKING = "How the service keeps its work in order; it says nothing about the person."
_OTHERS = "It is about somebody else."

PERSONAL_DATA: Mapping[str, Held] = {
    "users": Held(
        owner="id", file="account", withheld={"email_key": _DERIVED, "name_key": _DERIVED, "password_hash": _SECRET}
    ),
    "sessions": Held(owner="user_id", file="sessions", withheld={"user_id": _ITSELF}),
    "refresh_tokens": Held(owner="session_id of sessions", file="session_refreshes", withheld={"token_hash": _SECRET}),
    "api_keys": Held(owner="user_id", file="api_keys", withheld={"user_id": _ITSELF, "token_hash": _SECRET}),
    "login_challenges": Held(
        owner="user_id",
        file="logins_under_way",
        withheld={"user_id": _ITSELF, "token_hash": _SECRET, "proved_hash": _SECRET, "client_hash": _DERIVED},
    ),
    "mailed_tokens": Held(
        owner="user_id, and email_key for mail to the same address",
        file="mailed_links",
        withheld={
            "token_hash": _SECRET,
            "name": "Whoever registers says it; it may be somebody else who mistook the address.",
            "password_hash": _SECRET,
            "timezone": "As the name.",
            "email_key": _DERIVED,
            "user_id": "It is the person, or for mail to the same address somebody else.",
        },
    ),
    "second_factors": Held(
        owner="user_id",
        file="second_factors",
        withheld={"user_id": _ITSELF, "code_hash": _SECRET, "last_step": _DERIVED},
    ),
    "recovery_codes": Held(owner="user_id", file="recovery_codes", withheld={"user_id": _ITSELF, "code_hash": _SECRET}),
    "guesses": Held(owner="user_id", file="wrong_guesses", withheld={"user_id": _ITSELF}),
    "code_sendings": Held(
        owner="recipient_index, a keyed hash of the user's id and method, or of a telephone number",
        left_out="Numbers of codes that were sent, without names, for a day.",
    ),
    "team_memberships": Held(
        owner="user_id", file="teams", withheld={"user_id": _ITSELF, "team_id": "It is the team's id, which is there."}
    ),
    "teams": Held(owner="personal_user_id, and team_memberships", file="teams", withheld={"version": _WORKING}),
    "projects": Held(
        owner="user_id, and team_id for the personal team", file="projects", withheld={"version": _WORKING}
    ),
    "todos": Held(
        owner="created_by, assignee_id, and team_id for the personal team",
        file="todos",
        withheld={"version": _WORKING, "search": _DERIVED},
    ),
    "tags": Held(owner="team_id for the personal team", file="tags", withheld={"key": _DERIVED, "version": _WORKING}),
    "audit_log": Held(
        owner="actor_id, and subject_id where subject_kind is user or member",
        file="events",
        withheld=dict.fromkeys(("chain", "number", "salt", "seal", "hash", "forgotten_by"), _WORKING),
    ),
    "messages": Held(
        owner="recipient, encrypted, until the message is delivered",
        file="messages",
        withheld={
            "subject": "It may carry a proof that was sent to the person, and is wiped with the delivery.",
            "content": "As the subject.",
            "next_attempt_at": _WORKING,
            "finished_at": "From then on nothing says whom the message was for.",
            "outcome": "As finished_at.",
        },
    ),
    "address_blocks": Held(
        owner="created_by, lifted_by",
        file="blocks_decided",
        withheld={"client_key": _OTHERS, "signals": _OTHERS, "score": _OTHERS, "changed_at": _WORKING},
    ),
    "exports": Held(
        owner="user_id",
        file="exports",
        withheld={"user_id": _ITSELF, "attempts": _WORKING, "next_attempt_at": _WORKING},
    ),
    "export_chunks": Held(
        owner="export_id of exports", left_out="The archives themselves, this one and those that are still kept."
    ),
    "erasures": Held(owner="user_id while it is under way", left_out="It begins when the account is about to be gone."),
    "cache_touches": Held(
        owner="tags, which name ids", left_out="Which cached answers are out of date; each is deleted within seconds."
    ),
    "audit_chains": Held(owner=NOBODY, left_out="Hashes by which the log is verified."),
    "audit_policy": Held(owner=NOBODY, left_out="For how long the log is kept."),
}
