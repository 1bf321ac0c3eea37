"""Todos for tests of lists."""

from typing import Any

from tests.api.conftest import Person

TODOS = "/api/v2/todos"


async def every_page(person: Person, url: str) -> list[list[dict[str, Any]]]:
    """The items of all pages, following `next_cursor`."""
    pages, cursor = [], ""
    while True:
        response = await person.http.get(f"{url}{cursor}")
        assert response.status_code == 200, response.text
        pages.append(response.json()["items"])
        following = response.json()["page"]["next_cursor"]
        if following is None:
            return pages
        cursor = f"&cursor={following}"


async def fill(person: Person, number: int, **values: Any) -> list[dict[str, Any]]:
    """Todos with mixed due dates and priorities."""
    priorities = ["none", "low", "medium", "high", "urgent"]
    return [
        await person.create(
            TODOS,
            title=f"todo {n}",
            priority=priorities[n % 5],
            due_date=None if n % 3 == 0 else f"2026-12-{n % 9 + 1:02}",
            **values,
        )
        for n in range(number)
    ]
