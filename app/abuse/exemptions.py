"""Who is never scored nor blocked, whatever they do: the allow-list, the proxies, and in development oneself."""

from functools import lru_cache

from app.client_address import Network, network_of
from app.settings import Settings


class Exemptions:
    """The networks that no block may hit.

    A trusted proxy's own address stands for requests whose client is not known: all of them would be blocked at once.
    """

    def __init__(self, settings: Settings) -> None:
        self._networks: tuple[Network, ...] = (*settings.threat.allowed_networks, *settings.http.trusted_networks)
        # Tests and developers come from here; in production it is a proxy that nobody has listed, or an attacker.
        self._spares_loopback = not settings.is_production
        self.covers = lru_cache(maxsize=4096)(self._covers)

    def _covers(self, client_key: str) -> bool:
        """True if this client, or part of its network, is exempt."""
        network = network_of(client_key)
        if network is None:
            return True
        if self._spares_loopback and network.is_loopback:
            return True
        # An IPv6 client is a /64: whoever lists one address of it means its owner.
        return any(network.overlaps(other) for other in self._networks if network.version == other.version)
