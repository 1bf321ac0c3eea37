"""Whether this process has been asked to stop and waits for its clients to go elsewhere."""


class Draining:
    """Set once, by the server; read by readiness and by whoever holds a stream open."""

    def __init__(self) -> None:
        self._started = False

    @property
    def is_set(self) -> bool:
        """True from the first stop signal until the process ends."""
        return self._started

    def start(self) -> None:
        """From now on this process is on its way out."""
        self._started = True
