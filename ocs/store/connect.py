"""Connecting to the store. The client never repeats a command by itself: only the ledger knows which
call may be sent again, and how long a caller may wait."""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff


def connect(url: str, timeout_seconds: float) -> Redis:
    """A client for redis://, rediss:// or unix:// that does not retry and does not wait for ever."""
    return Redis.from_url(
        url,
        retry=Retry(NoBackoff(), 0),
        retry_on_error=[],
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        health_check_interval=0,
    )
