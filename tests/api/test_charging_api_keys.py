"""API keys and their limits, as clients meet them."""

from app.database.executor import Database
from app.settings import Settings
from tests.api.limited import limited_service, rate_limit

V2 = "/api/v2"


class TestApiKeys:
    async def test_one_has_a_limit_of_its_own_besides_that_of_its_user(
        self, settings: Settings, database: Database
    ) -> None:
        async with limited_service(settings, database, token="120/day", bulk="1000/day") as service:
            user = await service.somebody()
            wanted = {"name": "Nightly", "scopes": ["todos:write", "me:read"]}
            keys = [(await user.post(f"{V2}/me/api-keys", json=wanted)).json()["token"] for _ in range(2)]
            batch = {"operations": [{"op": "create", "data": {"title": str(number)}} for number in range(60)]}
            found, http = [], await service.anybody()
            for key in (keys[0], keys[0], keys[0], keys[1]):
                http.headers["Authorization"] = f"Bearer {key}"
                found.append(await http.post(f"{V2}/todos/batch", json=batch))
            # The first request of a key that the process has not met is its address's; its other items are not.
            assert [each.status_code for each in found] == [200, 200, 429, 200]
            assert rate_limit(found[2])[0] == "token"
            shown = (await http.get(f"{V2}/me/limits")).json()["limits"]
        (of_token,) = [budget for budget in shown if budget["name"] == "token"]
        assert (of_token["subject"], of_token["remaining"]) == ("token", 120 - 59 - 1)
