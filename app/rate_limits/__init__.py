"""How much a caller may ask for: declared as with slowapi, counted by GCRA in one script on the clock of Redis.

Knows limits, budgets and who is to pay by name. Refuses to know requests, routes and statuses; app.api.charging does.
"""
