"""Teams and memberships: everything else belongs to a team, and is seen by its members only."""
