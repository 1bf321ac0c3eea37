"""What a person does in a month: register, log in, share work, lose it, get it back, leave."""

import httpx

from tests.domain.identity.mailing import mailed
from tests.messages import Outbox

PASSWORD = "a phrase that nobody else has"


async def registered(client: httpx.AsyncClient, outbox: Outbox, name: str) -> dict[str, str]:
    """Registers, reads the mail and logs in over the interface alone; the header to call with."""
    email = f"{name}-{id(client)}@journey.example"
    account = {"email": email, "name": name, "password": PASSWORD}
    assert (await client.post("/api/v2/auth/register", json=account)).status_code == 202
    confirmation = {"token": await mailed(outbox, email), "password": PASSWORD}
    assert (await client.post("/api/v2/auth/email/verify", json=confirmation)).status_code == 201
    tokens = await client.post("/api/v2/auth/login", json={"email": email.upper(), "password": PASSWORD})
    assert tokens.status_code == 200, tokens.text
    return {"Authorization": f"Bearer {tokens.json()['access_token']}", "X-Email": email}


async def test_from_register_to_restore(client: httpx.AsyncClient, outbox: Outbox) -> None:
    ann, bob = await registered(client, outbox, "Ann"), await registered(client, outbox, "Bob")
    links = (await client.get("/api/v2")).json()["links"]

    # Ann makes a team with a project, and takes Bob in as a viewer.
    team = (await client.post(links["teams"], json={"name": "Garden"}, headers=ann)).json()
    project = (await client.post(links["projects"], json={"name": "Beds", "team_id": team["id"]}, headers=ann)).json()
    members = f"{links['teams']}/{team['id']}/members"
    member = await client.post(members, json={"email": bob["X-Email"], "role": "viewer"}, headers=ann)
    assert member.status_code == 201, member.text
    bob_id = (await client.get(links["me"], headers=bob)).json()["id"]

    # A todo in the project; Bob sees it and may not touch it.
    body = {"title": "Plant <3 & water", "project_id": project["id"], "tags": ["Spring"], "assignee_id": bob_id}
    made = await client.post(links["todos"], json=body, headers=ann)
    assert made.status_code == 201, made.text
    todo = made.headers["location"]
    seen = (await client.get(todo, headers=bob)).json()
    assert seen["title"] == "Plant <3 & water"
    assert "complete" not in seen["links"]
    refused = await client.post(f"{todo}/complete", headers=bob)
    assert (refused.status_code, refused.json()["code"]) == (403, "ROLE_TOO_LOW")

    # Promoted, he may at once, with the token that he has.
    promoted = await client.patch(f"{members}/{bob_id}", json={"role": "member"}, headers=ann)
    assert promoted.status_code == 200, promoted.text
    assert (await client.post(f"{todo}/complete", headers=bob)).json()["status"] == "done"

    # Ann's copy is stale by now.
    stale = await client.patch(todo, json={"title": "x"}, headers={**ann, "If-Match": made.headers["etag"]})
    assert stale.status_code == 412

    # Into the trash and back, with everything that it was.
    assert (await client.delete(todo, headers=bob)).status_code == 204
    assert (await client.get(todo, headers=ann)).status_code == 404
    trash = (await client.get(links["trash"], headers=ann)).json()["items"]
    restored = await client.post(trash[0]["links"]["restore"], headers=ann)
    assert (restored.status_code, restored.json()["status"], restored.json()["tags"]) == (200, "done", ["Spring"])

    # Bob leaves: what he saw does not exist for him any more, and nothing is assigned to him.
    assert (await client.delete(f"{members}/{bob_id}", headers=bob)).status_code == 204
    assert (await client.get(todo, headers=bob)).status_code == 404
    assert (await client.get(todo, headers=ann)).json()["assignee_id"] is None

    # He logs out; his token is worth nothing on the next request.
    assert (await client.post("/api/v2/auth/logout", headers=bob)).status_code == 204
    assert (await client.get(links["me"], headers=bob)).status_code == 401
