"""Everything that the service knows about a person, as an archive for that person."""
