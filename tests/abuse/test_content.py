"""What contents are taken for, where they are looked for, and that nobody can make the search slow."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from app.abuse.content import FREE_TEXT, families, families_of
from app.abuse.signals import Signal

ROOT = Path(__file__).resolve().parents[1]

SQL, SCRIPT = Signal.CONTENT_SQL, Signal.CONTENT_SCRIPT
COMMAND, TRAVERSAL = Signal.CONTENT_COMMAND, Signal.CONTENT_TRAVERSAL


def scope(path: str = "/api/v2/todos", query: str = "", **headers: str) -> dict[str, Any]:
    named = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return {"path": path, "query_string": query.encode("latin-1"), "headers": named}


class TestFamilies:
    @pytest.mark.parametrize(
        ("text", "family"),
        [
            ("1' OR '1'='1", SQL),
            ("1 UNION ALL SELECT password FROM users", SQL),
            ("1; DROP TABLE todos", SQL),
            ("x'; WAITFOR DELAY '0:0:5'--", SQL),
            ("1 AND pg_sleep(5)", SQL),
            ("admin'--", SQL),
            ("<script>alert(1)</script>", SCRIPT),
            ("< ScRiPt src=x>", SCRIPT),
            ("<img src=x onerror=alert(1)>", SCRIPT),
            ("javascript:alert(1)", SCRIPT),
            ("; cat /tmp/x", COMMAND),
            ("| whoami", COMMAND),
            ("`id`", COMMAND),
            ("$(curl http://x)", COMMAND),
            ("${jndi:ldap://x}", COMMAND),
            ("() { :;}; /bin/bash -c x", COMMAND),
            ("../../etc/passwd", TRAVERSAL),
            ("..\\..\\windows\\system32", TRAVERSAL),
            ("%2e%2e%2f", TRAVERSAL),
            ("x\x00.png", TRAVERSAL),
        ],
    )
    def test_what_attacks_look_like(self, text: str, family: Signal):
        assert family in set(families(text))

    @pytest.mark.parametrize(
        "text",
        [
            "/api/v2/todos/0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a",
            "sort=-created_at",
            "fields=id,title",
            "application/json;q=0.9, */*;q=0.1",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0",
            "Mozilla/5.0 (Linux; U; Android 4.0; id-id; GT-I9100) AppleWebKit/534.30 Mobile Safari/534.30",
            "curl/8.12.1",
            "python-httpx/0.28.1",
            "en-GB,en;q=0.9,de;q=0.8",
            'W/"a1b2c3--d4", *',
            "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
        ],
    )
    def test_what_ordinary_requests_look_like(self, text: str):
        assert list(families(text)) == []


class TestWhere:
    def test_the_path_the_structured_parameters_and_the_headers_are_read(self):
        assert families_of(scope("/api/v2/todos/../../x")) == {TRAVERSAL}
        assert families_of(scope(query="id=1'%20OR%201%3D1--")) == {SQL}
        assert families_of(scope(query="%3Cscript%3E=1")) == {SCRIPT}
        assert families_of(scope(user_agent="() { :;}; x")) == {COMMAND}

    @pytest.mark.parametrize("name", sorted(FREE_TEXT))
    def test_free_text_is_not(self, name: str):
        assert families_of(scope(query=f"{name}=%27%3B%20DROP%20TABLE%20x&{name}=%3Cscript%3E")) == set()
        assert families_of(scope(query=f"x={name}&limit=%3Cscript%3E&{name}=1")) == {SCRIPT}

    def test_nor_is_what_other_people_may_have_written(self):
        assert families_of(scope(referer="https://x.test/?q=<script>", cookie="a=<script>")) == set()
        assert families_of(scope(authorization="Bearer ../..", idempotency_key="; rm -rf")) == set()

    @pytest.mark.parametrize("version", ["v1", "v2"])
    def test_every_parameter_for_free_text_is_known_as_one(self, version: str):
        document = json.loads((ROOT / "api" / "openapi" / f"{version}.json").read_text(encoding="utf-8"))
        free = {
            parameter["name"]
            for operations in document["paths"].values()
            for operation in operations.values()
            for parameter in operation.get("parameters", ())
            if parameter["in"] == "query" and takes_a_quote(parameter["schema"])
        }
        assert {"q", "tag"} <= free
        assert free - {"address"} <= FREE_TEXT

    def test_what_is_not_text_is_no_error(self):
        assert families_of(scope("/\udcff", query="%ff=%fe&&=&%", host="\xff")) == set()


def takes_a_quote(schema: dict[str, Any]) -> bool:
    """True if a parameter's values may hold an apostrophe: then people may write in it what they like."""
    one = schema.get("items", schema)
    if one.get("type") != "string" or {"enum", "format", "const"} & set(one):
        return False
    pattern = one.get("pattern")
    return pattern is None or "[^" in pattern or pattern == "^[!-~]+$"


class TestTime:
    @pytest.mark.parametrize(
        "piece",
        [
            *(
                "union ",
                "select ",
                "' or ",
                "';",
                "<",
                "< ",
                "on",
                "on error",
                "../",
                "..",
                "%2e",
                "$(",
                "${",
                "|",
                "; ",
            ),
            *("'/*", "drop  ", "waitfor ", "a", " ", "\x00", "`cat", "() ", "javascript ", "<script", "' ' ' or a"),
        ],
    )
    def test_no_text_makes_the_search_slow(self, piece: str):
        """None takes more than 1.3 ms (2026-11-21), since texts are cut; what is quadratic would take seconds uncut."""
        text = piece * (100_000 // len(piece))
        began = time.perf_counter()
        for _ in families(text):
            pass
        assert time.perf_counter() - began < 0.2

    def test_no_query_makes_it_slow(self):
        query = "&".join(["a=%27%20or%20"] * 100_000)
        began = time.perf_counter()
        families_of(scope("/" + "../" * 50_000, query=query, x="' or " * 50_000))
        assert time.perf_counter() - began < 0.5
