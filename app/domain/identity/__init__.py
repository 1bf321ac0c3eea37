"""Proof of who is calling: passwords, sessions, access tokens, refresh tokens."""
