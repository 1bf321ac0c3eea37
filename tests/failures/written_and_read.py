"""Clients that write through one worker and read through the other: each answer must show what was acknowledged.

Half of them have a team for themselves, where answers must be exact; the others share one, where counts have bounds.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.failures.keep_alive import Answer
from tests.failures.two_workers import Person, Workers

TODOS = "/api/v2/todos"
_KEPT_TODOS = 8


@dataclass(frozen=True)
class Stale:
    """A read that showed less than its client had written before."""

    written_at: float
    """When the write began, in Unix seconds."""
    what: str


@dataclass
class Findings:
    """What the clients saw."""

    pairs: int = 0
    reads: Counter[str] = field(default_factory=Counter)
    stale: list[Stale] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    answers: list[tuple[float, float]] = field(default_factory=list)
    """When each was asked for, in Unix seconds, and for how many seconds it took."""


@dataclass
class TeamCounts:
    """How many todos a team has: at least and at most, while clients write."""

    created: int = 0
    being_created: int = 0
    deleted: int = 0
    being_deleted: int = 0

    @property
    def bounds(self) -> tuple[int, int]:
        """By what is acknowledged, and by what may have been done as well."""
        least = self.created - self.deleted - self.being_deleted
        return least, self.created + self.being_created - self.deleted


class Writer:
    """One client with todos that nobody else changes."""

    def __init__(self, person: Person, team_id: str, counts: TeamCounts, *, is_alone: bool) -> None:
        self._person = person
        self._team_id = team_id
        self._counts = counts
        self._is_alone = is_alone
        self._own: dict[str, tuple[str, str]] = {}
        self._numbers = count()
        self._written_at = 0.0

    async def pair(self, findings: Findings) -> None:
        """One write through a worker, and one read of what it changed through the other."""
        writer = random.randrange(len(self._person.clients))
        self._written_at = time.time()
        todo_id = await self._write(writer, findings)
        if todo_id:
            read = (self._read_item, self._read_list, self._read_stats)[findings.pairs % 3]
            await read((writer + 1) % len(self._person.clients), todo_id, findings)
            findings.pairs += 1

    async def read_all(self, findings: Findings) -> None:
        """Reads each todo, the list and the counts through every worker."""
        self._written_at = time.time()
        for worker in range(len(self._person.clients)):
            for todo_id in self._own:
                await self._read_item(worker, todo_id, findings)
            await self._read_list(worker, "", findings)
            await self._read_stats(worker, "", findings)

    async def _write(self, worker: int, findings: Findings) -> str:
        """Creates, changes, completes or deletes a todo; its id, or "" if that failed."""
        action = random.choice(("create", "rename", "complete", "delete")) if self._own else "create"
        if action == "create" and len(self._own) >= _KEPT_TODOS:
            action = "delete"
        title = f"{self._person.id} {next(self._numbers)}"
        if action == "create":
            return await self._create(worker, title, findings)
        todo_id = random.choice(list(self._own))
        if action == "delete":
            await self._delete(worker, todo_id, findings)
        elif action == "rename":
            await self._ask(worker, "PATCH", f"{TODOS}/{todo_id}", findings, {"title": title})
            self._own[todo_id] = (title, self._own[todo_id][1])
        else:
            await self._ask(worker, "POST", f"{TODOS}/{todo_id}/complete", findings)
            self._own[todo_id] = (self._own[todo_id][0], "done")
        return todo_id

    async def _create(self, worker: int, title: str, findings: Findings) -> str:
        self._counts.being_created += 1
        # A tag makes it a transaction of several statements.
        tags = {"tags": ["a tag"]} if random.random() < 0.3 else {}
        answer = await self._ask(worker, "POST", TODOS, findings, {"title": title, "team_id": self._team_id, **tags})
        self._counts.being_created -= 1
        if answer.status != 201:
            return ""
        self._counts.created += 1
        todo_id = str(answer.document["id"])
        self._own[todo_id] = (title, "open")
        return todo_id

    async def _delete(self, worker: int, todo_id: str, findings: Findings) -> None:
        self._counts.being_deleted += 1
        await self._ask(worker, "DELETE", f"{TODOS}/{todo_id}", findings)
        self._counts.being_deleted -= 1
        self._counts.deleted += 1
        del self._own[todo_id]

    async def _read_item(self, worker: int, todo_id: str, findings: Findings) -> None:
        answer = await self._ask(worker, "GET", f"{TODOS}/{todo_id}", findings)
        wanted: object = self._own.get(todo_id)
        shown: object = None
        if answer.status == 200:
            shown = (answer.document["title"], answer.document["status"])
        self._compare(findings, "item", shown, wanted)

    async def _read_list(self, worker: int, _todo_id: str, findings: Findings) -> None:
        path = f"{TODOS}?team_id={self._team_id}&created_by={self._person.id}&limit=50"
        answer = await self._ask(worker, "GET", path, findings)
        if answer.status == 200:
            shown = {item["id"]: (item["title"], item["status"]) for item in answer.document["items"]}
            self._compare(findings, "list", shown, self._own)

    async def _read_stats(self, worker: int, _todo_id: str, findings: Findings) -> None:
        least, _ = self._counts.bounds
        acknowledged_deletes = self._counts.deleted
        answer = await self._ask(worker, "GET", f"{TODOS}/stats?team_id={self._team_id}", findings)
        if answer.status != 200:
            return
        # What was deleted meanwhile may have been counted still.
        most = self._counts.bounds[1] + self._counts.deleted - acknowledged_deletes
        least -= self._counts.deleted - acknowledged_deletes + self._counts.being_deleted
        total = answer.document["total"]
        self._compare(findings, "stats", least <= total <= most, wanted=True)
        if self._is_alone:
            done = sum(status == "done" for _, status in self._own.values())
            self._compare(findings, "exact stats", (total, answer.document["done"]), (len(self._own), done))

    def _compare(self, findings: Findings, kind: str, shown: object, wanted: object) -> None:
        findings.reads[kind] += 1
        if shown != wanted:
            findings.stale.append(Stale(self._written_at, f"{kind}: {shown!r:.300} instead of {wanted!r:.300}"))

    async def _ask(
        self, worker: int, method: str, path: str, findings: Findings, document: dict[str, Any] | None = None
    ) -> Answer:
        try:
            answer = await self._person.clients[worker].ask(method, path, document)
        except (OSError, asyncio.IncompleteReadError) as error:
            findings.failed.append(f"{method} {path}: {error!r}")
            raise
        findings.answers.append((time.time() - answer.seconds, answer.seconds))
        if answer.status >= 400 and answer.status != 404:
            findings.failed.append(f"{method} {path}: {answer.status} {answer.body[:200]!r}")
        return answer


async def writers(workers: Workers, number: int) -> list[Writer]:
    """Half of them in a team of their own, half together in another one."""
    owner = await workers.person()
    created = await owner.clients[0].ask("POST", "/api/v2/teams", {"name": "Together"})
    team_id, counts = str(created.document["id"]), TeamCounts()
    made: list[Writer] = []
    for each in range(number):
        person = await workers.person()
        if each % 2:
            document = {"email": person.user.email, "role": "member"}
            added = await owner.clients[0].ask("POST", f"/api/v2/teams/{team_id}/members", document)
            assert added.status == 201, added.body
            made.append(Writer(person, team_id, counts, is_alone=False))
        else:
            made.append(Writer(person, await person.personal_team(), TeamCounts(), is_alone=True))
    return made


async def write_and_read(clients: list[Writer], findings: Findings, *, until: Callable[[], bool]) -> None:
    """All of them at once, pair after pair, until the condition holds."""

    async def work(writer: Writer) -> None:
        while not until():
            await writer.pair(findings)

    await asyncio.gather(*(work(writer) for writer in clients))
