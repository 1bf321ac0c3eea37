"""A client that a generator makes of each document works, without a line written by hand."""

import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from tests.contract.conversation import DOCUMENTS
from tests.contract.live import LiveService, Person

VERSIONS = ("v1", "v2")


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Makes the package of a version, once, and returns its name. The generator's warnings are errors."""
    directory = tmp_path_factory.mktemp("clients")
    configuration = directory / "configuration.yaml"
    # Nobody reads this code. The generator knows bytes by one media type only.
    configuration.write_text("post_hooks: []\ncontent_type_overrides: {application/zip: application/octet-stream}\n")
    made: set[str] = set()

    def generate(version: str) -> str:
        package = f"generated_{version}"
        if package not in made:
            document, target = DOCUMENTS / f"{version}.json", directory / package
            generator = [
                sys.executable,
                "-m",
                "openapi_python_client",
                "generate",
                "--meta",
                "none",
                "--fail-on-warning",
            ]
            places = ["--path", str(document), "--output-path", str(target), "--config", str(configuration)]
            done = subprocess.run([*generator, *places], capture_output=True, text=True, timeout=120, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            assert "warning" not in (done.stdout + done.stderr).lower(), done.stdout + done.stderr
            made.add(package)
        return package

    sys.path.insert(0, str(directory))
    yield generate
    sys.path.remove(str(directory))
    for name in [name for name in sys.modules if name.split(".")[0] in made]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def person(live: LiveService) -> Person:
    return live.person("Gina")


def part(package: str, name: str) -> Any:
    return importlib.import_module(f"{package}.{name}")


@pytest.fixture
def connected(live: LiveService, person: Person) -> Iterator[Callable[[str], Any]]:
    """A generated client of the running service, logged in."""
    opened: list[Any] = []

    def connect(package: str) -> Any:
        token = person.headers["Authorization"].removeprefix("Bearer ")
        client = part(package, "client").AuthenticatedClient(base_url=live.url, token=token)
        opened.append(client)
        return client.__enter__()

    yield connect
    for client in opened:
        client.__exit__(None, None, None)


@pytest.mark.parametrize("version", VERSIONS)
class TestTheGeneratedClient:
    def test_it_has_a_module_for_every_operation(self, version: str, generated: Callable[[str], str]) -> None:
        package = generated(version)
        document = json.loads((DOCUMENTS / f"{version}.json").read_text(encoding="utf-8"))

        for methods in document["paths"].values():
            for operation in methods.values():
                assert part(package, f"api.{operation['tags'][0]}.{operation['operationId']}").sync_detailed

    def test_it_creates_lists_changes_and_deletes(
        self, version: str, generated: Callable[[str], str], connected: Callable[[str], Any]
    ) -> None:
        package = generated(version)
        client, models = connected(package), part(package, "models")

        def call(operation: str, **arguments: Any) -> Any:
            return part(package, f"api.todos.{operation}").sync_detailed(client=client, **arguments)

        created = call("create_todo", body=models.TodoCreate(title="Tom & Jerry", tags=["film"]))
        assert created.status_code == 201
        todo = created.parsed
        assert isinstance(todo, models.Todo)
        assert isinstance(todo.id, UUID)

        listed = call("list_todos", tag=["film"])
        assert [item.title for item in listed.parsed.items] == ["Tom & Jerry"]
        assert isinstance(listed.parsed.items[0], models.Todo)

        seen = created.headers["etag"]
        changed = call("update_todo", todo_id=todo.id, body=models.TodoPatch(title="Tom"), if_match=seen)
        assert (changed.status_code, changed.parsed.title, changed.parsed.version) == (200, "Tom", todo.version + 1)
        refused = call("update_todo", todo_id=todo.id, body=models.TodoPatch(title="Jerry"), if_match=seen)
        assert refused.status_code == 412

        assert call("delete_todo", todo_id=todo.id).status_code == 204
        gone = call("get_todo", todo_id=todo.id)
        assert gone.status_code == 404
        assert isinstance(gone.parsed, models.Problem if version == "v2" else models.ErrorEnvelope)


def test_the_generated_client_understands_fewer_members(
    generated: Callable[[str], str], connected: Callable[[str], Any]
) -> None:
    package = generated("v2")
    client, models = connected(package), part(package, "models")
    part(package, "api.todos.create_todo").sync(client=client, body=models.TodoCreate(title="Sparse"))

    page = part(package, "api.todos.list_todos").sync(client=client, fields=[models.ListTodosFieldsItem.TITLE])

    assert isinstance(page, models.SparseTodoPage)
    assert page.items[0].to_dict() == {"title": "Sparse"}
