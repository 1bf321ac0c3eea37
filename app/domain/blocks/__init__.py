"""Clients that are kept out for a while: who, why, for how long, and who decided or undid it."""
