"""Sessions that should ask again because of another request: a background task tells their owners.

A request that gives money back, or takes the last of it, names other sessions of the account
(TS 32.296: one account, several sessions). Telling them costs round trips, so it happens beside the
path of a CCR. A name that is lost costs time, not money: Validity-Time brings the client back.
"""

import asyncio
from collections.abc import Sequence

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from ocs.abmf.ledger import LedgerError
from ocs.abmf.records import Records
from ocs.inbox import RAR, tell

#: Names that wait to be told; the oldest go first when a storm passes this.
NAMES_AT_MOST = 10_000

log = structlog.get_logger()


class Reauthoriser:
    """Takes Session-Ids at any time and tells their owners one by one."""

    def __init__(self, client: Redis, records: Records) -> None:
        self._client = client
        self._records = records
        self._names: dict[bytes, None] = {}  # in order, each once
        self._has_names = asyncio.Event()

    def __call__(self, session_ids: Sequence[bytes]) -> None:
        """Keep these names; returns at once."""
        for each in session_ids:
            self._names[each] = None
        while len(self._names) > NAMES_AT_MOST:
            del self._names[next(iter(self._names))]
        if self._names:
            self._has_names.set()

    @property
    def pending(self) -> int:
        """Names that were not looked at yet."""
        return len(self._names)

    async def run(self) -> None:
        """Tell for ever; ends by cancellation."""
        while True:
            await self._has_names.wait()
            while self._names:
                session_id = next(iter(self._names))
                del self._names[session_id]
                await self._tell(session_id)
            self._has_names.clear()

    async def _tell(self, session_id: bytes) -> None:
        try:
            session = await self._records.session(session_id)
            if session is not None:
                await tell(self._client, session, RAR)
        except (RedisError, LedgerError, OSError) as error:
            log.warning("session not told", session=session_id, error=repr(error))
