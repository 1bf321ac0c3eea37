"""Somebody whose data are exported, and those whose data are not."""

from dataclasses import dataclass
from uuid import uuid4

from app.database.executor import Database
from app.domain.identity.authority import Authority
from app.domain.teams import commands as team_commands
from app.domain.teams.policy import Role
from app.domain.teams.team import Team
from app.domain.users.caller import Caller
from app.domain.users.user import User
from tests.factories import make_user
from tests.team_factories import caller_for, logged_in, make_team

CANARY = "canary: somebody else's"


@dataclass(frozen=True)
class House:
    """Ann owns a household, in which Bob is, belongs to Bob's club, and has left the choir; Carol she does not know."""

    ann: Caller
    bob: Caller
    ann_user: User
    bob_user: User
    household: Team
    club: Team
    choir: Team


async def house_of(database: Database, authority: Authority) -> House:
    """Everybody anew. Bob's name and address are canaries."""
    ann_user = await make_user(database, name="Ann", email=f"Ann.{uuid4().hex}@Example.com")
    bob_user = await make_user(database, name=f"{CANARY} name", email=f"canary-{uuid4().hex}@example.com")
    bob = await caller_for(database, bob_user)
    ann = await caller_for(database, ann_user)
    household = await make_team(database, ann, name="Household")
    club, choir = await make_team(database, bob, name="Club"), await make_team(database, bob, name="Choir")
    await team_commands.add_member(database, ann, household.id, email=bob_user.email, role=Role.MEMBER)
    for team in (club, choir):
        await team_commands.add_member(database, bob, team.id, email=ann_user.email, role=Role.MEMBER)
    ann, bob = await logged_in(database, authority, ann_user), await logged_in(database, authority, bob_user)
    return House(ann, bob, ann_user, bob_user, household, club, choir)
