"""Taking people into teams, through the interface."""

from typing import Any

from tests.api.conftest import NewPerson, Person


async def joined(new_person: NewPerson, owner: Person, team: dict[str, Any], role: str) -> Person:
    """Somebody new in the team, taken in by its owner."""
    person = await new_person(name=role.title())
    await owner.create(f"/api/v2/teams/{team['id']}/members", email=person.user.email, role=role)
    return person
