"""Projects: named groups of a team's todos."""
