"""A team with something of everything, for whatever address an operation has. Things that get used up are made anew."""

from functools import cached_property
from typing import Any
from uuid import uuid4

from tests.contract.live import LiveService, Person
from tests.factories import PASSWORD


class Household:
    """Olga owns the team and administers the service; Vera may only look, and Max is a member with a job."""

    def __init__(self, service: LiveService) -> None:
        self._service = service
        self.owner = service.person("Olga", roles=("admin",))
        self.viewer = service.person("Vera")
        self.member = service.person("Max")
        self.team = self.owner.create("/api/v2/teams", name="Household")
        self._add(self.viewer, "viewer")
        self._add(self.member, "member")

    def path_parameters(self, method: str, path: str) -> dict[str, str]:
        """Values for the parameters of a path, in the order in which it has them, of things that exist."""
        uses_up = method == "DELETE" or path.endswith(("/restore", "/leave", "/merge"))
        names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        team = self.team
        if names and names[0] == "team_id" and uses_up and names == ["team_id"]:
            team = self.owner.create("/api/v2/teams", name="Short-lived")
            if path.endswith("/leave"):
                self._add(self.service_person("Zoe"), "owner", team)
        values = {"team_id": team}
        for name in names:
            if name == "todo_id":
                values[name] = self._todo(path) if uses_up else self.todo
            elif name == "project_id":
                values[name] = self._project(path) if uses_up else self.project
            elif name == "tag_id":
                values[name] = self._tag() if uses_up else self.tag
            elif name == "user_id":
                values[name] = self._somebody(path, uses_up=uses_up)
            elif name == "session_id":
                values[name] = self._session()
        return {name: values[name] for name in names}

    def body_values(self, path: str) -> dict[str, Any]:
        """Values for members of bodies, by name, that fit what exists."""
        values: dict[str, Any] = {
            "team_id": self.team,
            "project_id": self.project,
            "parent_id": self.parent,
            "assignee_id": str(self.member.user.id),
            "id": self.todo,
        }
        if path.endswith("/merge"):
            values["into"] = self.tag
        if path.endswith("/members"):
            values["email"] = self.service_person("Nora").user.email
        if path.endswith("/auth/login"):
            values |= {"email": self.member.user.email, "password": PASSWORD}
        if path.endswith("/auth/refresh"):
            values["refresh_token"] = self.member.new_session()[1]
        if path.endswith("/password/change"):
            values["current_password"] = PASSWORD
        return values

    @cached_property
    def todo(self) -> str:
        return self._todo("")

    @cached_property
    def parent(self) -> str:
        return self._todo("")

    @cached_property
    def project(self) -> str:
        return self._project("")

    @cached_property
    def tag(self) -> str:
        return self._tag()

    def service_person(self, name: str) -> Person:
        """Somebody new, outside the team."""
        return self._service.person(name)

    def _add(self, person: Person, role: str, team: str | None = None) -> None:
        self.owner.create(f"/api/v2/teams/{team or self.team}/members", email=person.user.email, role=role)

    def _todo(self, path: str) -> str:
        todo = self.owner.create(
            "/api/v2/todos", title="Water the plants", team_id=self.team, tags=["home"], external_id=uuid4().hex
        )
        if path.endswith("/restore"):
            self.owner.ask("DELETE", f"/api/v2/todos/{todo}")
        return todo

    def _project(self, path: str) -> str:
        project = self.owner.create("/api/v2/projects", name="Garden", team_id=self.team)
        if path.endswith("/restore"):
            self.owner.ask("DELETE", f"/api/v2/projects/{project}")
        return project

    def _tag(self) -> str:
        tag = self.owner.create("/api/v2/tags", name=uuid4().hex, team_id=self.team)
        return tag

    def _somebody(self, path: str, *, uses_up: bool) -> str:
        if "/members/" not in path:
            return str(self.member.user.id)
        if not uses_up:
            return str(self.member.user.id)
        person = self.service_person("Nora")
        self._add(person, "member")
        return str(person.user.id)

    def _session(self) -> str:
        self.owner.new_session()
        sessions = self.owner.ask("GET", "/api/v2/me/sessions")["items"]
        current: str = next(item["id"] for item in sessions if not item["is_current"])
        return current
