"""Line ends, NUL and formulas in every text, header and path: nothing breaks, nothing splits an answer in two."""

import copy
import csv
import io
import json
import re
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.security.asking import ask, fair_question, fields_of, inside, places_of_texts
from tests.security.cast import Cast
from tests.security.operations import Operation, operations

WRITES = [each for each in operations() if each.example is not None and places_of_texts(each.example)]
WITH_PATHS = [each for each in operations() if each.names]
CSV = [each for each in operations() if "text/csv" in each.produces]
SPLITTING = "x\r\nSet-Cookie: canary=1\r\nLocation: https://evil.test/\r\n\r\n<script>canary()</script>"
UNREFUSED = ["X-Request-Id", "Traceparent", "User-Agent", "Origin", "Referer", "Cookie"]
FORMULAS = ("=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0")
UNDECODABLE = (
    "%00",
    "%0d%0aSet-Cookie:%20canary=1",
    "%0a",
    "%7f",
    "%c0%af",
    "%ff",
    "%ed%a0%80",
    "%u0041",
    "%",
    "%2",
    "\u2028",
)


def is_whole(answer: httpx.Response) -> bool:
    """True if no header was made of what a client has sent, and no header holds a line end."""
    split = [value for value in answer.headers.values() if re.search(r"[\r\n\x00]", value)]
    return not split and "set-cookie" not in answer.headers and "evil.test" not in answer.headers.get("location", "")


def text_at(body: Any, pointer: tuple[str | int, ...], text: str) -> str:
    """The body with this text there, as JSON."""
    changed = copy.deepcopy(body)
    inside(changed, pointer[:-1])[pointer[-1]] = text
    return json.dumps(changed)


@pytest.mark.parametrize("operation", WRITES, ids=str)
class TestBodies:
    async def test_line_ends_split_no_answer(self, operation: Operation, cast: Cast, client: httpx.AsyncClient) -> None:
        for pointer in places_of_texts((await fair_question(cast, operation)).body):
            question = await fair_question(cast, operation)
            answer = await ask(client, operation, question, content=text_at(question.body, pointer, SPLITTING))
            assert answer.status_code < 500, f"{pointer}: {answer.text}"
            assert is_whole(answer), f"{pointer}: {answer.headers}"

    async def test_nul_and_half_characters_are_refused_where_they_stand(
        self, operation: Operation, cast: Cast, client: httpx.AsyncClient
    ) -> None:
        question = await fair_question(cast, operation)
        for pointer in places_of_texts(question.body):
            for text in ("a\x00b", "\x00", "\ud800", "a\udfff"):
                content = text_at(question.body, pointer, text)
                answer = await ask(client, operation, question, content=content)
                assert answer.status_code == 422, f"{pointer}: {answer.text}"
                assert f"#/{'/'.join(map(str, pointer))}" in fields_of(answer), answer.text


@pytest.mark.parametrize("operation", operations(), ids=str)
class TestHeaders:
    async def test_no_header_comes_back_as_one(
        self, operation: Operation, cast: Cast, client: httpx.AsyncClient
    ) -> None:
        """Servers refuse line ends in headers; should one come through, it still ends nowhere."""
        own = [each["name"] for each in operation.parameters if each["in"] == "header"]
        question = None
        # Those that nothing is refused for go together.
        for names in [*([name] for name in own), ["Accept"], UNREFUSED]:
            for value in (SPLITTING.encode(), b"\x00canary", b"canary\xff\xfe", b"canary" * 2000):
                question = await fair_question(cast, operation, again=question)
                headers = [(name.encode(), value) for name in names]
                answer = await ask(client, operation, question, headers=headers)
                assert answer.status_code < 500, f"{names}: {answer.text}"
                assert is_whole(answer), f"{names}: {answer.headers}"


@pytest.mark.parametrize("operation", WITH_PATHS, ids=str)
class TestPaths:
    async def test_what_is_no_id_is_refused_and_goes_nowhere(
        self, operation: Operation, cast: Cast, client: httpx.AsyncClient
    ) -> None:
        question = await fair_question(cast, operation)
        for name in operation.names:
            honest = question.ids[name]
            for part in UNDECODABLE:
                path = operation.path.format_map({**question.ids, name: honest + quote(part, safe="%")})
                answer = await ask(client, operation, question, path=path)
                assert answer.status_code in {404, 422}, f"{path}: {answer.status_code} {answer.text}"
                assert is_whole(answer), f"{path}: {answer.headers}"


class TestFormulas:
    @pytest.mark.parametrize("operation", [each for each in operations() if each.method == "GET"], ids=str)
    async def test_csv_is_offered_only_where_the_next_test_looks_at_it(
        self, operation: Operation, cast: Cast, client: httpx.AsyncClient
    ) -> None:
        question = await fair_question(cast, operation)
        answer = await ask(client, operation, question, headers=[(b"Accept", b"text/csv")])
        assert (answer.status_code == 200) == (operation in CSV), answer.text

    async def test_no_cell_begins_as_a_formula_does(self, cast: Cast, client: httpx.AsyncClient) -> None:
        for operation in CSV:
            question = await fair_question(cast, operation)
            for title in FORMULAS:
                made = await client.post("/api/v2/todos", json={"title": title}, headers=question.headers)
                assert made.status_code in {201, 422}
            answer = await ask(client, operation, question, headers=[(b"Accept", b"text/csv")])
            cells = [cell for row in csv.reader(io.StringIO(answer.text)) for cell in row]
            assert not [
                cell for cell in cells if re.match(r"[=+\-@\t\r]", cell) and not re.fullmatch(r"-?[0-9.]+", cell)
            ]
