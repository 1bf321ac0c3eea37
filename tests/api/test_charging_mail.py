"""What writes to people is limited by itself, whoever asks."""

from uuid import uuid4

import pytest

from app.database.executor import Database
from app.settings import Settings
from tests.api.limited import limited_service, rate_limit


@pytest.mark.parametrize(
    ("path", "name"), [("email", "change_my_email"), ("mfa/recovery-codes", "make_recovery_codes")]
)
async def test_it_can_be_asked_ten_times_an_hour(settings: Settings, database: Database, path: str, name: str) -> None:
    async with limited_service(settings, database) as service:
        http = await service.somebody()
        bodies = [{"email": f"{uuid4().hex}@example.com"} for _ in range(11)]
        answers = [await http.post(f"/api/v2/me/{path}", json=body) for body in bodies]
        assert {answer.status_code for answer in answers[:10]} == {202 if path == "email" else 409}
        assert (answers[10].status_code, rate_limit(answers[10])[0]) == (429, name)
