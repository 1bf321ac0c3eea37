"""Measurements that nobody took, for tests of what is made of them."""

from bench.load import Result
from bench.rounds import Measurement


def measurement(
    *,
    requests: int = 1_000,
    p50_ms: float = 1.0,
    server_us: float = 100.0,
    postgres_us: float = 30.0,
    redis_us: float = 2.5,
    statuses: dict[int, int] | None = None,
) -> Measurement:
    """One window of a second."""
    return Measurement(
        Result(
            requests=requests,
            seconds=1.0,
            p50_ms=p50_ms,
            p99_ms=4.0,
            statuses=statuses or {200: requests},
            failures={},
            generator_busy=0.4,
        ),
        server_us=server_us,
        postgres_us=postgres_us,
        redis_us=redis_us,
        server_cores_busy=1.0,
        server_bytes=123_000_000,
        others_busy=0.05,
    )
