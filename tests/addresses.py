"""Addresses of clients for tests: what is scored or blocked outlives a test, so each is used once."""

import secrets


def unused_address() -> str:
    """One of the network for benchmarks (RFC 2544), which no real client has."""
    # Not from the generator that tools for tests seed, as they would get the same ones again.
    return f"198.{18 + secrets.randbelow(2)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"
