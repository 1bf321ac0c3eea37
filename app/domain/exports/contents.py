"""The files of an archive: what each is about, and what each member of its lines means. Data alone, for `index.json`.

Where each member comes from says `contents_repository`; tests hold the two together.
"""

from collections.abc import Mapping
from typing import NamedTuple


class File(NamedTuple):
    """One file: its name without the ending, what its lines are, and their members."""

    name: str
    description: str
    fields: Mapping[str, str]


_ID = "Its id."
_CREATED = "When it was made."
_CHANGED = "When it was last changed."
_TEAM = "The team that it belongs to, by its id."
_EXPIRES = "When it ends, used or not."
_YOURS = "Whether you created it."
_TRASHED = "When it went to the trash; null if it did not."

FILES = (
    File(
        "account",
        "Your account; one line.",
        {
            "id": "The id of your account.",
            "email": "Your address.",
            "email_verified_at": "When you proved it to be yours.",
            "name": "Your name, as others in your teams see it.",
            "roles": "What you may do in the service as a whole.",
            "is_active": "Whether you may log in.",
            "timezone": "Your time zone (IANA).",
            "locale": "Your language (BCP 47).",
            "second_factor_since": "Since when a login asks you for a second factor; null if it does not.",
            "password_needs_factor": "Whether your password is good enough only together with a second factor.",
            "deletion_scheduled_at": "When the account will be deleted; null if that is not planned.",
            "version": "How often the account was changed, and one.",
            "created_at": _CREATED,
            "updated_at": _CHANGED,
        },
    ),
    File(
        "sessions",
        "Where you are logged in, and were lately.",
        {
            "id": _ID,
            "label": "What you call it.",
            "user_agent": "What your program called itself.",
            "address": "The network address that you logged in from.",
            "created_at": "When you logged in.",
            "last_seen_at": "When you logged in or the session was last refreshed.",
            "idle_expires_at": "When it ends unless it is used.",
            "expires_at": _EXPIRES,
            "fresh_until": "Until when it counted as proved just now.",
            "revoked_at": "When it was ended before its time.",
            "revoked_reason": "Why.",
        },
    ),
    File(
        "session_refreshes",
        "When your programs have renewed their access.",
        {
            "session_id": "The session, by its id.",
            "created_at": "When the right to the next renewal was given.",
            "used_at": "When it was used; null if it was not.",
        },
    ),
    File(
        "api_keys",
        "Your API keys; not the keys themselves, which are not stored.",
        {
            "id": _ID,
            "name": "What you call it.",
            "scopes": "What it may do.",
            "created_at": _CREATED,
            "expires_at": _EXPIRES,
            "last_used_at": "When it was last used, to a minute or so.",
            "last_used_address": "The network address that used it then.",
            "revoked_at": "When it was ended before its time.",
            "revoked_reason": "Why.",
        },
    ),
    File(
        "logins_under_way",
        "Logins that wait for their second factor.",
        {"attempts": "How many codes were tried.", "expires_at": _EXPIRES},
    ),
    File(
        "second_factors",
        "What proves who you are besides the password; no secrets.",
        {
            "id": _ID,
            "method": "totp, sms or mail.",
            "phone_number": "Where codes are sent, if by text message.",
            "created_at": _CREATED,
            "confirmed_at": "When you showed to hold it; null if you have not yet.",
            "last_used_at": "When it was last used.",
            "code_expires_at": "Until when the code is good that was sent last.",
            "code_tries": "How often that was tried.",
        },
    ),
    File(
        "recovery_codes",
        "One line for each of your recovery codes; not the codes themselves, which are not stored.",
        {"used_at": "When it was used; null if it was not."},
    ),
    File(
        "wrong_guesses",
        "Wrong passwords and codes that are counted for your account.",
        {
            "secret": "What was guessed at.",
            "failures": "How many were wrong.",
            "since": "Since when they are counted.",
        },
    ),
    File(
        "mailed_links",
        "Links that were mailed for your account or to your address, such as for a change of address.",
        {
            "purpose": "What it is for.",
            "email": "The address that it went to.",
            "is_good": "Whether it can still be used.",
            "created_at": _CREATED,
            "expires_at": _EXPIRES,
        },
    ),
    File(
        "teams",
        "The teams that you belong to.",
        {
            "team_id": "The id of the team.",
            "name": "Its name.",
            "slug": "Its name in addresses.",
            "is_personal": "Whether it is yours alone.",
            "role": "What you may do there.",
            "joined_at": "Since when you belong to it.",
            "created_at": _CREATED,
            "updated_at": _CHANGED,
        },
    ),
    File(
        "projects",
        "Projects of your personal team, and those that you created in the teams that you belong to.",
        {
            "id": _ID,
            "team_id": _TEAM,
            "created_by_you": _YOURS,
            "name": "Its name.",
            "description": "What it is about.",
            "color": "Its colour.",
            "status": "active or archived.",
            "position": "Its place among the others of the team; smaller ones come first.",
            "created_at": _CREATED,
            "updated_at": _CHANGED,
            "deleted_at": _TRASHED,
        },
    ),
    File(
        "todos",
        "Todos of your personal team, and those that you created or have to do in the teams that you belong to.",
        {
            "id": _ID,
            "team_id": _TEAM,
            "created_by_you": _YOURS,
            "assigned_to_you": "Whether you have to do it.",
            "project_id": "The project that it belongs to, by its id.",
            "parent_id": "The todo that it is a part of, by its id.",
            "title": "What is to be done.",
            "description": "More about it.",
            "status": "open, in_progress, blocked, done or cancelled.",
            "priority": "From 0 (none) to 4 (urgent).",
            "due_date": "The day on which it is due.",
            "tags": "Its tags, by their names.",
            "position": "Its place in its project; smaller ones come first.",
            "external_id": "Its name in the system that it came from.",
            "created_at": _CREATED,
            "updated_at": _CHANGED,
            "completed_at": "When it was done.",
            "deleted_at": _TRASHED,
        },
    ),
    File(
        "left_behind_projects",
        "Projects that you created in teams that you have left. What became of them there is not yours to see.",
        {"id": _ID, "team_id": _TEAM, "created_at": _CREATED},
    ),
    File(
        "left_behind_todos",
        "Todos that you created in teams that you have left. What became of them there is not yours to see.",
        {"id": _ID, "team_id": _TEAM, "created_at": _CREATED},
    ),
    File(
        "tags",
        "The tags of your personal team.",
        {
            "id": _ID,
            "team_id": _TEAM,
            "name": "Its name.",
            "color": "Its colour.",
            "created_at": _CREATED,
            "updated_at": _CHANGED,
        },
    ),
    File(
        "events",
        "What the security log says of you: what you did, and what was done to your account.",
        {
            "at": "When it happened.",
            "id": _ID,
            "action": "What happened.",
            "outcome": "Whether it was done or refused.",
            "by": "Who did it: you, another person, or anonymous, system or operator.",
            "token_id": "The API key that you used, by its id.",
            "subject_kind": "What it was done to.",
            "subject_id": "Its id, unless it is another person's.",
            "team_id": "The team that it belongs to, by its id.",
            "request_id": "The request by which you did it.",
            "address": "The network address from which you did it.",
            "changed": "What was changed: member, what it was, what it is. Other people are not named.",
        },
    ),
    File(
        "messages",
        "Messages that are on their way to you.",
        {
            "id": _ID,
            "kind": "What it is about.",
            "channel": "mail or sms.",
            "created_at": "When it was written.",
            "expires_at": "When it is not sent any more.",
            "attempts": "How often it was sent in vain.",
        },
    ),
    File(
        "blocks_decided",
        "Blocks of network addresses that you have made or lifted as an administrator.",
        {
            "id": _ID,
            "made_by_you": "Whether you made it.",
            "lifted_by_you": "Whether you lifted it.",
            "note": "The reason that you gave.",
            "strike": "0: an administrator's decision; else which one it was within a week.",
            "since": "When it began.",
            "until": "When it ends.",
            "lifted_at": "When it was lifted.",
        },
    ),
    File(
        "exports",
        "What you have asked for like this archive, itself included.",
        {
            "id": _ID,
            "created_at": "When you asked for it.",
            "finished_at": "When it was ready or given up.",
            "expires_at": "When its archive was or will be deleted.",
            "size_bytes": "The size of its archive.",
        },
    ),
)
