"""Users as all versions show them."""

from app.api.conditional import entity_tag
from app.api.v1 import user_schemas as wire
from app.api.v1.auth import OWN
from app.api.v1.auth_documents import ACCOUNTS, user_fields
from app.domain.users.caller import ADMINISTRATOR, Caller
from app.domain.users.user import User

USER_MEMBERS = tuple(wire.User.__annotations__)


def user_document(user: User, caller: Caller, root: str) -> wire.User:
    """The whole user as the caller sees it; its links begin with `root`, the version's."""
    links: wire.UserLinks = {"self": f"{root}/users/{user.id}"}
    if user.id == caller.user_id:
        links["me"] = ACCOUNTS[root]
    return {**user_fields(user), "links": links}


def user_tag(user: User, caller: Caller) -> str:
    """The entity tag of a user as this caller sees them."""
    return entity_tag(user.version, ADMINISTRATOR if caller.is_administrator else OWN)
