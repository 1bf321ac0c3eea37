"""A team with something of everything, for whatever an operation is about. What gets used up is made anew each time."""

from collections.abc import Callable
from functools import cached_property
from typing import Any
from uuid import uuid4

from schemathesis.core.transport import USER_AGENT

from app.domain.second_factors.factor import Method
from tests import factors_at_hand
from tests.addresses import unused_address
from tests.authenticators import a_number
from tests.contract.live import LiveService, Person
from tests.domain.identity.mailing import mailed
from tests.factories import PASSWORD
from tests.messages import Outbox


class Household:
    """Olga owns the team and administers the service, Max is a member of it, and Vera may only look."""

    def __init__(self, service: LiveService) -> None:
        self._service = service
        self.owner = service.person("Olga", roles=("admin",))
        self.member = service.person("Max")
        self.viewer = service.person("Vera")
        self.team = self._team()

    def prepare(self, method: str, path: str) -> None:
        """Gives Max the second factor that an operation on it is about, and a new account once the last is closed."""
        if (method.upper(), path) == ("DELETE", "/api/v2/me"):
            self.member = self._service.person("Max")
        _, _, factor = path.partition("/me/mfa/")
        if method.upper() == "DELETE" and factor:
            self.enrol(self.member, Method(factor))
        elif factor in {"{method}/send", "recovery-codes"}:
            self.enrol(self.member, Method.MAIL)
            self._service.run(factors_at_hand.forget_sendings)

    def enrol(self, person: Person, method: Method) -> list[str]:
        """Gives somebody a second factor; their recovery codes."""
        return self._service.run(lambda services: factors_at_hand.enrol(services, person.user, method))

    def path_parameters(self, method: str, path: str) -> dict[str, str]:
        """Values for the parameters of a path, of things that exist and that the operation may use up."""
        is_used_up = method.upper() == "DELETE" or path.endswith(("/restore", "/leave", "/merge", "/rotate"))
        is_trashed = path.endswith("/restore")
        is_about_somebody = not is_used_up or "/sessions" in path or "/api-keys" in path
        makers: dict[str, Callable[[], str]] = {
            "team_id": lambda: self._team() if is_used_up and "/members" not in path else self.team,
            "todo_id": lambda: self._todo(is_trashed=is_trashed) if is_used_up else self.todo,
            "project_id": lambda: self._project(is_trashed=is_trashed) if is_used_up else self.project,
            "tag_id": lambda: self._tag() if is_used_up else self.tag,
            "method": lambda: "mail",
            "user_id": lambda: (
                str(self.member.user.id) if is_about_somebody else self._newcomer(has_factor=path.endswith("/mfa"))
            ),
            "session_id": self._session,
            "api_key_id": lambda: self._api_key() if is_used_up else self.api_key,
            "export_id": lambda: self.export,
            "block_id": lambda: self.owner.create("/api/v2/admin/blocks", address=unused_address()),
        }
        names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        return {name: makers[name]() for name in names if name in makers}

    def body_values(self, path: str) -> dict[str, Any]:
        """Values for members of bodies, by name, that fit what exists."""
        values: dict[str, Any] = {
            "team_id": self.team,
            "project_id": self.project,
            "parent_id": self.parent,
            "assignee_id": str(self.member.user.id),
            "into": self.tag,
            "id": self.todo,
            "if_match": "*",
            "address": unused_address(),
        }
        if path.endswith("/api-keys"):
            values["scopes"] = ["todos:read"]
        if path.endswith("/members"):
            values["email"] = self._service.person("Nora").user.email
        if path.endswith("/login"):
            values |= {"email": self.member.user.email, "password": PASSWORD}
        if path.endswith("/email/verify"):
            values |= {"token": self._mailed_token(path), "password": PASSWORD}
        if path.endswith("/password/reset"):
            values["token"] = self._mailed_token(path)
        if path.endswith("/refresh"):
            values["refresh_token"] = self.member.new_session()[1]
        if path.endswith("/password/change"):
            values["current_password"] = PASSWORD
        return values | self._factor_values(path)

    def _factor_values(self, path: str) -> dict[str, Any]:
        """The same for bodies about second factors."""
        values: dict[str, Any] = {}
        if path.endswith("/step-up"):
            values = {"password": PASSWORD, "method": None, "code": None}
        if "/me/mfa/" in path:
            values = {"password": PASSWORD, "phone_number": a_number()}
        if path.endswith("/confirm"):
            user = self.member.user
            values["code"] = self._service.run(lambda services: factors_at_hand.begin(services, user, Method.MAIL))
        if "/auth/mfa/" in path:
            values = self._login_proof(method="recovery_code" if path.endswith("/verify") else "mail")
        return values

    @cached_property
    def todo(self) -> str:
        return self._todo()

    @cached_property
    def parent(self) -> str:
        return self._todo()

    @cached_property
    def project(self) -> str:
        return self._project()

    @cached_property
    def tag(self) -> str:
        return self._tag()

    @cached_property
    def api_key(self) -> str:
        return self._api_key()

    @cached_property
    def export(self) -> str:
        return str(self.owner.ask("POST", "/api/v2/me/export")["id"])

    def _team(self) -> str:
        """A team of these three, in which somebody else is an owner as well: Olga can leave."""
        team = self.owner.create("/api/v2/teams", name="Household")
        partner = self._service.person("Zoe")
        for person, role in ((self.member, "member"), (self.viewer, "viewer"), (partner, "owner")):
            self.owner.create(f"/api/v2/teams/{team}/members", email=person.user.email, role=role)
        return team

    def _todo(self, *, is_trashed: bool = False) -> str:
        todo = self.owner.create("/api/v2/todos", title="Water the plants", team_id=self.team, tags=["home"])
        if is_trashed:
            self.owner.ask("DELETE", f"/api/v2/todos/{todo}")
        return todo

    def _project(self, *, is_trashed: bool = False) -> str:
        project = self.owner.create("/api/v2/projects", name="Garden", team_id=self.team)
        if is_trashed:
            self.owner.ask("DELETE", f"/api/v2/projects/{project}")
        return project

    def _tag(self) -> str:
        return self.owner.create("/api/v2/tags", name=uuid4().hex, team_id=self.team)

    def _login_proof(self, *, method: str) -> dict[str, Any]:
        codes = self.enrol(self.member, Method.MAIL)
        self._service.run(factors_at_hand.forget_sendings)
        token = self._service.run(lambda services: factors_at_hand.challenge(services, self.member.user, USER_AGENT))
        return {"challenge": token, "method": method, "code": codes[0]}

    def _newcomer(self, *, has_factor: bool) -> str:
        person = self._service.person("Nora")
        if has_factor:
            self.enrol(person, Method.MAIL)
        self.owner.create(f"/api/v2/teams/{self.team}/members", email=person.user.email)
        return str(person.user.id)

    def _mailed_token(self, path: str) -> str:
        """What was mailed to somebody who wants what this path gives."""
        email = f"{uuid4().hex}@example.com"
        if path.endswith("/auth/email/verify"):
            body = {"email": email, "name": "Nora", "password": PASSWORD}
            self.member.ask("POST", "/api/v2/auth/register", body)
        elif path.endswith("/me/email/verify"):
            self.member.ask("POST", "/api/v2/me/email", {"email": email})
        else:
            email = self._service.person("Nora").user.email
            self.member.ask("POST", "/api/v2/auth/password/forgot", {"email": email})
        return self._service.run(lambda services: mailed(Outbox(services.database, services.cipher), email))

    def _session(self) -> str:
        # The one that they had may have been ended meanwhile.
        self.member.headers = self.member.new_session()[0]
        sessions: list[dict[str, Any]] = self.member.ask("GET", "/api/v2/me/sessions")["items"]
        return str(sessions[0]["id"])

    def _api_key(self) -> str:
        keys: list[dict[str, Any]] = self.member.ask("GET", "/api/v2/me/api-keys")["items"]
        for key in keys[:-1]:  # Of fifty there would be no room for more.
            self.member.ask("DELETE", key["links"]["self"])
        return self.member.create("/api/v2/me/api-keys", name="Nightly report", scopes=["todos:read"])
