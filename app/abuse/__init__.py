"""Who attacks: what speaks against a client is scored; with enough of it the client is slowed down, then blocked.

Only what somebody does is evidence. What a text contains never is: titles, descriptions and searches are not looked at.
"""
