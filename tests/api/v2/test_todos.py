"""One todo at a time in version 2, as callers see it."""

import asyncio
from uuid import uuid4

import pytest

from tests.api.conftest import Person

TODOS = "/api/v2/todos"


class TestCreate:
    async def test_a_title_is_enough(self, ann: Person) -> None:
        response = await ann.http.post(TODOS, json={"title": "  Buy milk  "})
        todo = response.json()
        assert response.status_code == 201
        assert response.headers["location"] == f"{TODOS}/{todo['id']}"
        assert response.headers["etag"] == '"1-owner"'
        assert todo["title"] == "Buy milk"
        assert (todo["status"], todo["priority"], todo["tags"]) == ("open", "none", [])
        assert (todo["version"], todo["created_by"]) == (1, str(ann.user.id))
        assert todo["links"]["complete"] == f"{TODOS}/{todo['id']}/complete"

    @pytest.mark.parametrize(
        "title",
        [
            "Tom & Jerry",
            "a < b && c > d",
            "<3 select from menu",
            "DROP TABLE notes; -- homework",
            "'; SELECT pg_sleep(10)--",
            "../../etc/passwd ${jndi:ldap://x} {{7*7}}",
            "שלום עולם 👩‍👩‍👧‍👦 Ελληνικά",
            '"quoted" \\ back/slash &amp; %00 %ff',
        ],
    )
    async def test_free_text_comes_back_as_it_was(self, ann: Person, title: str) -> None:
        created = await ann.create(TODOS, title=title, description=title + "\n\tsecond line")
        read = (await ann.http.get(f"{TODOS}/{created['id']}")).json()
        assert (read["title"], read["description"]) == (title, title + "\n\tsecond line")

    async def test_text_is_kept_in_nfc(self, ann: Person) -> None:
        assert (await ann.create(TODOS, title="Cafe\u0301"))["title"] == "Caf\u00e9"

    @pytest.mark.parametrize(
        ("body", "pointer", "code"),
        [
            ({}, "#/title", "MISSING"),
            ({"title": " "}, "#/title", "VALUE_ERROR"),
            ({"title": "x" * 201}, "#/title", "VALUE_ERROR"),
            ({"title": "a\nb"}, "#/title", "VALUE_ERROR"),
            ({"title": "a\u202eb"}, "#/title", "VALUE_ERROR"),
            ({"title": 5}, "#/title", "STRING_TYPE"),
            ({"title": "x", "description": "x" * 20_001}, "#/description", "VALUE_ERROR"),
            ({"title": "x", "status": "later"}, "#/status", "LITERAL_ERROR"),
            ({"title": "x", "priority": 3}, "#/priority", "LITERAL_ERROR"),
            ({"title": "x", "due_date": 1767225600}, "#/due_date", "DATE_TYPE"),
            ({"title": "x", "due_date": "2026-02-30"}, "#/due_date", "VALUE_ERROR"),
            ({"title": "x", "due_date": "0000-01-01"}, "#/due_date", "VALUE_ERROR"),
            ({"title": "x", "due_date": "10000-01-01"}, "#/due_date", "VALUE_ERROR"),
            ({"title": "x", "tags": ["a,b"]}, "#/tags/0", "VALUE_ERROR"),
            ({"title": "x", "tags": [str(n) for n in range(21)]}, "#/tags", "TOO_LONG"),
            ({"title": "x", "position": 1e300}, "#/position", "LESS_THAN_EQUAL"),
            ({"title": "x", "id": str(uuid4())}, "#/id", "UNKNOWN_FIELD"),
            ({"title": "x", "created_by": str(uuid4())}, "#/created_by", "UNKNOWN_FIELD"),
            ({"title": "x", "version": 7}, "#/version", "UNKNOWN_FIELD"),
            ({"title": "x", "team_id": str(uuid4())}, "#/team_id", "UNKNOWN_TEAM"),
            ({"title": "x", "project_id": str(uuid4())}, "#/project_id", "UNKNOWN_PROJECT"),
            ({"title": "x", "parent_id": str(uuid4())}, "#/parent_id", "UNKNOWN_PARENT"),
            ({"title": "x", "assignee_id": str(uuid4())}, "#/assignee_id", "NOT_A_MEMBER"),
        ],
    )
    async def test_a_fault_names_the_field(self, ann: Person, body: dict[str, object], pointer: str, code: str) -> None:
        response = await ann.http.post(TODOS, json=body)
        assert response.status_code == 422, response.text
        assert response.headers["content-type"] == "application/problem+json"
        assert [(error["pointer"], error["code"]) for error in response.json()["errors"]] == [(pointer, code)]

    @pytest.mark.parametrize(
        "body",
        [b"", b"{", b'{"title": NaN}', b'{"title": "a", "title": "b"}', b"\xef\xbb\xbf{}", b"\xff", b"[" * 100_000],
    )
    async def test_what_is_not_json_is_400(self, ann: Person, body: bytes) -> None:
        response = await ann.http.post(TODOS, content=body, headers={"Content-Type": "application/json"})
        assert (response.status_code, response.json()["type"]) == (400, "/problems/malformed-request")

    @pytest.mark.parametrize(
        "body", [b'{"title": "\\ud800"}', b'{"title": "a\\u0000b"}', b'{"title": "x", "position": 1e999}']
    )
    async def test_what_cannot_be_stored_is_422(self, ann: Person, body: bytes) -> None:
        response = await ann.http.post(TODOS, content=body, headers={"Content-Type": "application/json"})
        assert response.status_code == 422

    @pytest.mark.parametrize("media_type", ["", "text/plain", "application/xml", "application/merge-patch+json"])
    async def test_another_media_type_is_415_and_names_the_right_one(self, ann: Person, media_type: str) -> None:
        response = await ann.http.post(TODOS, content=b'{"title": "x"}', headers={"Content-Type": media_type})
        assert (response.status_code, response.headers["accept-post"]) == (415, "application/json")

    async def test_an_external_id_is_unique_in_its_team(self, ann: Person, bob: Person) -> None:
        await ann.create(TODOS, title="x", external_id="jira-1")
        again = await ann.http.post(TODOS, json={"title": "y", "external_id": "jira-1"})
        assert (again.status_code, again.json()["code"]) == (409, "EXTERNAL_ID_TAKEN")
        await bob.create(TODOS, title="x", external_id="jira-1")

    async def test_tags_keep_their_first_spelling_and_come_once(self, ann: Person) -> None:
        await ann.create(TODOS, title="x", tags=["Home"])
        assert (await ann.create(TODOS, title="y", tags=["HOME", "straße", "STRASSE"]))["tags"] == ["Home", "straße"]

    async def test_subtasks_have_no_subtasks(self, ann: Person) -> None:
        parent = await ann.create(TODOS, title="parent")
        child = await ann.create(TODOS, title="child", parent_id=parent["id"])
        grandchild = await ann.http.post(TODOS, json={"title": "x", "parent_id": child["id"]})
        assert grandchild.json()["errors"][0]["code"] == "TOO_DEEP"
        upside_down = await ann.http.patch(
            f"{TODOS}/{parent['id']}", json={"parent_id": (await ann.create(TODOS, title="top"))["id"]}
        )
        assert upside_down.json()["errors"][0]["code"] == "TOO_DEEP"
        itself = await ann.http.patch(f"{TODOS}/{child['id']}", json={"parent_id": child["id"]})
        assert itself.json()["errors"][0]["code"] == "UNKNOWN_PARENT"


class TestGet:
    async def test_others_see_404_as_if_it_did_not_exist(self, ann: Person, bob: Person) -> None:
        todo = await ann.create(TODOS, title="mine")
        hidden, absent = await bob.http.get(f"{TODOS}/{todo['id']}"), await bob.http.get(f"{TODOS}/{uuid4()}")
        assert (hidden.status_code, absent.status_code) == (404, 404)
        same = ("type", "title", "status", "code")
        assert [hidden.json()[name] for name in same] == [absent.json()[name] for name in same]

    async def test_if_none_match_answers_304_without_a_body(self, ann: Person) -> None:
        todo = await ann.create(TODOS, title="x")
        first = await ann.http.get(f"{TODOS}/{todo['id']}")
        again = await ann.http.get(
            f"{TODOS}/{todo['id']}", headers={"If-None-Match": f'"0-x", {first.headers["etag"]}'}
        )
        assert (again.status_code, again.content) == (304, b"")
        for name in ("etag", "cache-control", "vary"):
            assert again.headers[name] == first.headers[name]

    async def test_head_has_the_headers_of_get_and_no_body(self, ann: Person) -> None:
        todo = await ann.create(TODOS, title="x")
        get, head = await ann.http.get(f"{TODOS}/{todo['id']}"), await ann.http.head(f"{TODOS}/{todo['id']}")
        assert (head.status_code, head.content) == (200, b"")
        for name in ("etag", "content-length", "content-type"):
            assert head.headers[name] == get.headers[name]

    async def test_fields_and_expand_shape_the_answer(self, ann: Person) -> None:
        todo = await ann.create(TODOS, title="x", tags=["home"], assignee_id=str(ann.user.id))
        shown = (await ann.http.get(f"{TODOS}/{todo['id']}?fields=id,title&expand=tags,assignee,project")).json()
        assert shown["expanded"]["assignee"] == {"id": str(ann.user.id), "name": "Ann"}
        assert [tag["name"] for tag in shown["expanded"]["tags"]] == ["home"]
        assert shown["expanded"]["project"] is None
        assert set(shown) == {"id", "title", "expanded"}

    @pytest.mark.parametrize("path", ["not-a-uuid", "%00", "%ff", "%ED%A0%80", "1" * 5000, "'"])
    async def test_a_malformed_id_is_a_4xx(self, ann: Person, path: str) -> None:
        response = await ann.http.get(f"{TODOS}/{path}")
        assert response.status_code in {404, 422}
        assert response.headers["content-type"] == "application/problem+json"

    @pytest.mark.parametrize(
        ("accept", "status"), [("application/json;q=0", 406), ("text/html", 406), ("text/*, */*;q=0.1", 200)]
    )
    async def test_accept_is_honoured(self, ann: Person, accept: str, status: int) -> None:
        todo = await ann.create(TODOS, title="x")
        assert (await ann.http.get(f"{TODOS}/{todo['id']}", headers={"Accept": accept})).status_code == status


class TestPatch:
    async def test_absent_stays_null_clears_and_the_version_rises_once(self, ann: Person) -> None:
        todo = await ann.create(TODOS, title="x", description="d", due_date="2026-12-01", tags=["a", "b"])
        merge_patch = {"Content-Type": "application/merge-patch+json"}
        response = await ann.http.patch(
            f"{TODOS}/{todo['id']}", content=b'{"due_date": null, "tags": ["c"]}', headers=merge_patch
        )
        changed = response.json()
        assert (changed["title"], changed["description"]) == ("x", "d")
        assert (changed["due_date"], changed["tags"], changed["version"]) == (None, ["c"], 2)
        assert response.headers["etag"] == '"2-owner"'

    @pytest.mark.parametrize("patch", [{}, {"title": " x "}, {"status": "open"}, {"tags": ["A"]}, {"due_date": None}])
    async def test_what_changes_nothing_leaves_the_version(self, ann: Person, patch: dict[str, object]) -> None:
        todo = await ann.create(TODOS, title="x", tags=["a"])
        unchanged = (await ann.http.patch(f"{TODOS}/{todo['id']}", json=patch)).json()
        assert (unchanged["version"], unchanged["updated_at"]) == (1, todo["updated_at"])

    @pytest.mark.parametrize("patch", [{"title": None}, {"status": None}, {"tags": None}, {"position": None}])
    async def test_what_cannot_be_empty_cannot_be_cleared(self, ann: Person, patch: dict[str, object]) -> None:
        todo = await ann.create(TODOS, title="x")
        assert (await ann.http.patch(f"{TODOS}/{todo['id']}", json=patch)).status_code == 422

    @pytest.mark.parametrize(
        ("if_match", "status"),
        [
            ('"1-owner"', 200),
            ("*", 200),
            ('"7-owner", "1-owner"', 200),
            ('"2-owner"', 412),
            ('W/"1-owner"', 412),
            ('"1"', 412),
            ('"01-owner"', 412),
            (', "1-owner" , ,', 200),
            ("1", 400),
            ("", 400),
        ],
    )
    async def test_if_match_decides(self, ann: Person, if_match: str, status: int) -> None:
        todo = await ann.create(TODOS, title="x")
        response = await ann.http.patch(f"{TODOS}/{todo['id']}", json={"title": "y"}, headers={"If-Match": if_match})
        assert response.status_code == status
        assert (await ann.http.get(f"{TODOS}/{todo['id']}")).json()["title"] == ("y" if status == 200 else "x")

    async def test_of_concurrent_writers_with_one_tag_one_wins(self, ann: Person) -> None:
        todo = await ann.create(TODOS, title="x")
        answers = await asyncio.gather(
            *(
                ann.http.patch(f"{TODOS}/{todo['id']}", json={"title": f"y{n}"}, headers={"If-Match": '"1-owner"'})
                for n in range(8)
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
        assert (await ann.http.get(f"{TODOS}/{todo['id']}")).json()["version"] == 2


class TestConditions:
    @pytest.mark.parametrize(
        ("method", "action", "headers"),
        [
            ("PUT", "", {"If-None-Match": "*"}),
            ("PATCH", "", {"If-None-Match": '"1-owner"'}),
            ("DELETE", "", {"If-None-Match": "*", "If-Match": '"1-owner"'}),
            ("POST", "/complete", {"If-None-Match": "*"}),
            ("POST", "/duplicate", {"If-Match": '"7-owner"'}),
            ("POST", "/restore", {"If-Match": '"7-owner"'}),
        ],
    )
    async def test_nothing_is_done_under_one_that_is_not_looked_at(
        self, ann: Person, method: str, action: str, headers: dict[str, str]
    ) -> None:
        todo = await ann.create(TODOS, title="x")
        body = None if method == "DELETE" or action else {"title": "y"}
        answer = await ann.http.request(method, f"{TODOS}/{todo['id']}{action}", headers=headers, json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "UNSUPPORTED_CONDITION")
        assert [each["title"] for each in (await ann.http.get(TODOS)).json()["items"]] == ["x"]
        assert (await ann.http.get(f"{TODOS}/{todo['id']}")).json() == todo

    async def test_any_version_is_no_condition(self, ann: Person) -> None:
        todo = await ann.create(TODOS, title="x")
        answer = await ann.http.post(f"{TODOS}/{todo['id']}/duplicate", headers={"If-Match": "*"})
        assert answer.status_code == 201


class TestPut:
    async def test_what_is_left_out_gets_its_default_but_the_position(self, ann: Person) -> None:
        todo = await ann.create(TODOS, title="x", description="d", priority="high", due_date="2026-12-01", tags=["a"])
        replaced = (await ann.http.put(f"{TODOS}/{todo['id']}", json={"title": "y"})).json()
        assert (replaced["title"], replaced["description"], replaced["priority"]) == ("y", "", "none")
        assert (replaced["due_date"], replaced["tags"], replaced["position"]) == (None, [], todo["position"])
