"""Demo data: one user, a shared team, three projects and forty todos in every state. Put in once, in steps that resume.

Made through the domain's own commands, so that it obeys every rule that real data obeys.
"""

import datetime as dt

from app.domain.errors import Conflict, NotAuthenticated
from app.domain.identity import api_key_commands as api_keys
from app.domain.identity import commands as identity
from app.domain.identity import permissions
from app.domain.identity import queries as identity_queries
from app.domain.identity.api_key import ApiKeyDraft
from app.domain.identity.session import Tokens, client_from
from app.domain.ids import ProjectId, TeamId
from app.domain.pages import MAXIMUM_LIMIT, PageRequest
from app.domain.projects import commands as projects
from app.domain.projects import queries as project_queries
from app.domain.projects.filter import ProjectFilter, ProjectList
from app.domain.projects.project import ProjectDraft
from app.domain.teams import commands as teams
from app.domain.teams import queries as team_queries
from app.domain.teams.team import TeamDraft
from app.domain.todos import batch, queries
from app.domain.todos.filter import TodoFilter, TodoList
from app.domain.todos.todo import Priority, Status, TodoDraft
from app.domain.users.caller import Caller
from app.lifespan import Services
from app.telemetry.logging import get_logger

log = get_logger(__name__)

DEMO_EMAIL = "demo@example.com"
DEMO_PASSWORD = "correct horse battery staple"  # noqa: S105 - it is printed for everybody to use
DEMO_KEY_NAME = "todo dev"
CLIENT = client_from("todo seed", "local")
TEAM_SLUG = "demo-team"
PROJECTS = (("Website", "#3366cc"), ("Household", "#2e8b57"), ("Reading list", "#b8860b"))
TITLES = (
    "Write the landing page", "Choose a typeface", "Compress the images", "Fix the broken footer link",
    "Renew the certificate", "Measure the first paint", "Translate the imprint", "Move the blog",
    "Ask Tom & Jerry for a quote", "Remove <blink> for good", "Buy milk", "Descale the kettle", "Call the plumber",
    "Water the ferns", "Sort the cellar", "Defrost the freezer", "Repair the bicycle", "Order firewood",
    "Return the ladder", "Bake bread", "Read about keyset pages", "Finish the novel",
    "Summarise the HTTP caching chapter", "Compare two editions", "Order the sequel", "Take notes on idempotency",
    "Look up RFC 9457", "Lend the atlas", "Find a book on bees", "Tidy the bookmarks",
)  # fmt: skip
PERSONAL_TITLES = (
    "Book the dentist", "Pay the rent", "Plan the holiday", "Back up the photos", "Thank the neighbours",
    "Learn ten words of Finnish", "Sharpen the knives", "Cancel the trial", "Check if a < b && c > d",
    "Update the CV",
)  # fmt: skip
TAGS = (("home",), ("work", "urgent"), ("errands",), (), ("reading",))


async def seed(services: Services) -> bool:
    """Puts in what is missing of the demo data; True if todos were. Nothing, once the login of the user was changed."""
    caller = await _demo_user(services)
    if caller is None:
        return False
    is_changed = await _demo_data(services, caller)
    await identity.log_out(services.database, caller)
    return is_changed


async def seed_with_api_key(services: Services) -> str:
    """As `seed`; an API key of the demo user for a day, in place of the last one, or "" where `seed` does nothing."""
    database, caller = services.database, await _demo_user(services)
    if caller is None:
        return ""
    await _demo_data(services, caller)
    there = await identity_queries.api_keys(database.reader, caller, PageRequest(limit=MAXIMUM_LIMIT))
    for api_key in there.items:
        if api_key.name == DEMO_KEY_NAME:
            await api_keys.revoke(database, caller, api_key.id)
    scopes = sorted(map(str, permissions.of_roles(frozenset()) & permissions.GRANTABLE))
    issued = await api_keys.create(database, caller, ApiKeyDraft(DEMO_KEY_NAME, scopes, dt.timedelta(days=1)))
    await identity.log_out(database, caller)
    return issued.token


async def _demo_user(services: Services) -> Caller | None:
    """The demo user, made if there is none, and logged in; None if that takes more than what everybody knows."""
    database, proofs = services.database, services.authority
    try:
        password_hash = await proofs.passwords.hash(DEMO_PASSWORD)
        await identity.create_account(
            database, email=DEMO_EMAIL, name="Demo", password_hash=password_hash, timezone="Europe/Berlin"
        )
    except Conflict:
        log.debug("the demo user is there already")
    try:
        tokens = await identity.log_in(database, proofs, email=DEMO_EMAIL, password=DEMO_PASSWORD, client=CLIENT)
    except NotAuthenticated:
        return None
    if not isinstance(tokens, Tokens):
        return None  # Somebody has given the demo user a second factor.
    return await services.gate.caller(tokens.access_token)


async def _demo_data(services: Services, caller: Caller) -> bool:
    """The team, its projects and the todos; True if there were no todos."""
    team_id = await _demo_team(services, caller)
    project_ids = await _demo_projects(services, caller, team_id)
    return await _demo_todos(services, caller, project_ids)


async def _demo_team(services: Services, caller: Caller) -> TeamId:
    page = await team_queries.page(services.database.reader, caller, PageRequest(limit=MAXIMUM_LIMIT))
    there = next((team.id for team in page.items if team.slug == TEAM_SLUG), None)
    if there is not None:
        return there
    return (await teams.create(services.database, caller, TeamDraft(name="Demo team", slug=TEAM_SLUG))).id


async def _demo_projects(services: Services, caller: Caller, team_id: TeamId) -> list[ProjectId]:
    wanted = ProjectList(caller.user_id, ProjectFilter(team_id=team_id))
    page = await project_queries.page(services.database.reader, wanted, PageRequest(limit=MAXIMUM_LIMIT))
    there = {project.name: project.id for project in page.items}
    for name, color in PROJECTS:
        if name not in there:
            draft = ProjectDraft(name=name, color=color, team_id=team_id)
            there[name] = (await projects.create(services.database, caller, draft)).id
    return [there[name] for name, _ in PROJECTS]


async def _demo_todos(services: Services, caller: Caller, project_ids: list[ProjectId]) -> bool:
    page = await queries.page(services.database.reader, TodoList(caller.user_id, TodoFilter()), PageRequest(limit=1))
    if page.items:
        return False
    today = dt.datetime.now(dt.UTC).date()
    statuses, priorities = tuple(Status), tuple(Priority)
    drafts = [
        TodoDraft(
            title=title,
            status=statuses[index % len(statuses)],
            priority=priorities[(index // 2) % len(priorities)],
            due_date=None if index % 4 == 0 else today + dt.timedelta(days=index % 15 - 5),
            project_id=project_ids[index * len(project_ids) // len(TITLES)] if index < len(TITLES) else None,
            assignee_id=caller.user_id if index % 3 == 0 else None,
            tags=TAGS[index % len(TAGS)],
        )
        for index, title in enumerate(TITLES + PERSONAL_TITLES)
    ]
    await batch.run_atomically(services.database, caller, [batch.Create(draft) for draft in drafts])
    return True
