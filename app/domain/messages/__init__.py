"""Messages to people: written with the change that causes them, delivered by the worker."""
