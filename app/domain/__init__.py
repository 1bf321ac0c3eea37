"""The rules of todos, projects, teams and people. Knows no HTTP, no framework, no Redis."""
