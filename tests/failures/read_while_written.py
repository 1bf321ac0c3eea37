"""Hot keys that many read while some write them: nobody is shown less than was acknowledged when they asked.

Afterwards every answer that is kept is held against the database. Where touches can be lost on the way, `grace_seconds`
says for how long an acknowledged change may stay unseen.
"""

import asyncio
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.failures.keep_alive import Client
from tests.failures.two_workers import Person, Workers

TODOS = "/api/v2/todos"
ITEMS = 14
LISTS = (
    f"{TODOS}?limit=20",
    f"{TODOS}?limit=20&sort=-updated_at",
    f"{TODOS}?limit=50&status=open",
    f"{TODOS}?limit=20&expand=tags",
    f"{TODOS}/stats",
    "/api/v2/tags?expand=todo_count",
)


@dataclass
class HotKeys:
    """One user's todos, what they are read by, and what was seen."""

    workers: Workers
    person: Person
    todo_ids: list[str]
    acknowledged: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    """By todo: when which version was acknowledged, oldest first."""
    reads: int = 0
    writes: int = 0
    stale: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        """Twenty of them."""
        return [*(f"{TODOS}/{todo_id}" for todo_id in self.todo_ids), *LISTS]

    def acknowledged_before(self, todo_id: str, moment: float) -> int:
        """The version that every answer shows which is asked for at that moment."""
        for at, version in reversed(self.acknowledged[todo_id]):
            if at <= moment:
                return version
        return 0

    def client(self, worker: int) -> Client:
        """Another connection of the user."""
        return self.workers.client(worker, self.person.tokens.access_token)

    async def run(
        self,
        *,
        until: Callable[[], bool],
        written_until: Callable[[], bool] | None = None,
        writers: int = 4,
        readers: int = 16,
        grace_seconds: float = 0.0,
    ) -> None:
        """Reads, evenly over the workers, until the condition holds; writes as long, unless another one ends that."""
        number = len(self.workers.servers)
        no_more = written_until or until
        await asyncio.gather(
            *(self._write(self.client(n % number), self.todo_ids[n::writers], no_more) for n in range(writers)),
            *(self._read(self.client(n % number), until, grace_seconds) for n in range(readers)),
        )

    async def mismatches(self) -> list[str]:
        """Every kept answer of each worker that is not what the database says. To be asked when nobody writes."""
        found: list[str] = []
        for worker in range(len(self.workers.servers)):
            client = self.client(worker)
            for path in self.paths:
                kept = await client.get(path)
                truth = await client.get_from_database(path)
                if (kept.status, json.loads(kept.body)) != (truth.status, json.loads(truth.body)):
                    found.append(f"worker {worker}, {path}")
        return found

    async def _write(self, client: Client, todo_ids: list[str], until: Callable[[], bool]) -> None:
        """Changes the todos, which nobody else writes."""
        while not until():
            todo_id = random.choice(todo_ids)
            change = {"title": f"{random.random()}", "status": random.choice(("open", "in_progress"))}
            answer = await client.ask("PATCH", f"{TODOS}/{todo_id}", change)
            if answer.status != 200:
                self.failed.append(f"PATCH: {answer.status} {answer.body[:200]!r}")
                continue
            self.writes += 1
            self.acknowledged[todo_id].append((time.monotonic(), answer.document["version"]))

    async def _read(self, client: Client, until: Callable[[], bool], grace_seconds: float) -> None:
        while not until():
            path = random.choice(self.paths)
            answer = await client.get(path)
            self.reads += 1
            if answer.status != 200:
                self.failed.append(f"GET {path}: {answer.status} {answer.body[:200]!r}")
                continue
            document = answer.document
            shown = [document] if "version" in document else document.get("items", [])
            for todo in shown:
                if "title" not in todo:
                    continue  # A tag.
                wanted = self.acknowledged_before(todo["id"], answer.sent_at - grace_seconds)
                if todo["version"] < wanted:
                    self.stale.append(f"{path}: version {todo['version']} after {wanted}")


async def hot_keys(workers: Workers) -> HotKeys:
    """Somebody new with todos."""
    person = await workers.person()
    todo_ids: list[str] = []
    for number in range(ITEMS):
        document = {"title": f"{number}", "tags": [f"tag {number % 3}"]}
        created = await person.clients[0].ask("POST", TODOS, document)
        assert created.status == 201, created.body
        todo_ids.append(str(created.document["id"]))
    return HotKeys(workers, person, todo_ids, {todo_id: [(0.0, 1)] for todo_id in todo_ids})


class RandomDelays:
    """A rule for RedisProxy: what writes is held for a random time, and what waits behind it goes along.

    So nothing waits for longer than `longest_seconds`, however much is written.
    """

    def __init__(self, longest_seconds: float) -> None:
        self._longest_seconds = longest_seconds
        self._passing_until = 0.0

    def __call__(self, command: tuple[bytes, ...]) -> float:
        """For how many seconds this command is held."""
        now = time.monotonic()
        if command[0] != b"SET" or now < self._passing_until:
            return 0.0
        seconds = random.uniform(0, self._longest_seconds)
        self._passing_until = now + seconds + 0.002
        return seconds
