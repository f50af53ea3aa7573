"""How one process asks a worker to re-authorise or abort a session the worker's client holds.

The connection to the client lives in one worker, commands run elsewhere. Each worker reads a list in the
store, its inbox; a sender that wants to know what became of its message names a list for the reply.
A message is advice: it may be lost with the worker, and Validity-Time then brings the change later.
"""

import asyncio
import base64
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from ocs.abmf import keys
from ocs.abmf.encoding import raw
from ocs.abmf.ledger import Ledger
from ocs.abmf.records import Records
from ocs.books import OpenSession
from ocs.diameter.server_initiated import build_asr, build_rar, result_code
from ocs.metrics import Metrics

#: A message nobody read for this long is about a moment that has passed.
STALE_SECONDS = 15
#: Tx of the client is 10 s: an RAA or ASA later than that is no answer (RFC 8506, 13).
ANSWER_SECONDS = 10.0
POLL_SECONDS = 1
#: RAR and ASR outstanding at once; more wait in the inbox.
TASKS_AT_MOST = 100
#: The oldest go first: a worker that is away must not fill the store.
MESSAGES_AT_MOST = 10_000

RAR, ASR = "rar", "asr"
SUCCESS, LIMITED_SUCCESS, UNKNOWN_SESSION_ID = 2001, 2002, 5002

log = structlog.get_logger()

#: (origin host, origin realm, peer, build(hop by hop, end to end), timeout) -> answer or None
Requester = Callable[
    [str, str, str, Callable[[int, int], bytes], float],
    Awaitable[bytes | None],
]


async def tell(client: Redis, session: OpenSession, kind: str, *, wait: float = 0.0) -> str:
    """Ask the owner of `session` to send an RAR or ASR.

    Returns "" when not asked to wait, else what became of it: "ended" or "asked" (the client agreed),
    "unknown" (it has no such session), "outstanding" (asked before and not answered yet), "no answer",
    or "refused <code>".
    """
    reply = keys.reply(secrets.token_hex(8)) if wait else b""
    message = {
        "kind": kind,
        "session": base64.b64encode(session.session_id).decode(),
        "at": int(time.time()),
        "reply": reply.decode(),
    }
    inbox = keys.inbox(session.owner)
    async with client.pipeline(transaction=False) as pipeline:
        pipeline.rpush(inbox, json.dumps(message))
        pipeline.ltrim(inbox, -MESSAGES_AT_MOST, -1)
        pipeline.expire(inbox, STALE_SECONDS * 4)
        await pipeline.execute()
    if not reply:
        return ""
    waited = 0.0
    while waited < wait:
        # Short blocking calls: the socket's own time-out is shorter than the client's patience.
        found = await client.blpop([reply], timeout=POLL_SECONDS)
        if found is not None:
            return raw(found[1]).decode()
        waited += POLL_SECONDS
    return "no answer"


@dataclass(frozen=True, slots=True)
class Message:
    """What a sender asks for; `reply` names the list it waits at, or is empty."""

    kind: str
    session_id: bytes
    at: int
    reply: str


def read_message(data: bytes) -> Message | None:
    """A message of the inbox, or None where `tell` wrote no such thing."""
    try:
        found = json.loads(data)
        message = Message(
            found["kind"],
            base64.b64decode(found["session"], validate=True),
            int(found["at"]),
            str(found["reply"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return message if message.kind in (RAR, ASR) else None


@dataclass(frozen=True, slots=True)
class LocalIdentity:
    """How this worker signs its requests."""

    origin_host: str
    origin_realm: str


class Inbox:
    """Reads one worker's inbox and carries its messages to the clients."""

    def __init__(
        self,
        client: Redis,
        owner: str,
        identity: LocalIdentity,
        request: Requester,
        records: Records,
        ledger: Ledger,
        metrics: Metrics,
        reauthorise: Callable[[Sequence[bytes]], None] = lambda _: None,
    ) -> None:
        """`reauthorise` is given the sessions that wait for what a session gone released."""
        self._client = client
        self._owner = owner
        self._identity = identity
        self._request = request
        self._records = records
        self._ledger = ledger
        self._metrics = metrics
        self._reauthorise = reauthorise
        self._outstanding: set[tuple[str, bytes]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Read for ever; ends by cancellation, with what is outstanding."""
        try:
            while True:
                await self._read()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read(self) -> None:
        if len(self._tasks) >= TASKS_AT_MOST:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        try:
            found = await self._client.blpop([keys.inbox(self._owner)], timeout=POLL_SECONDS)
        except RedisError as error:
            log.warning("inbox not read", error=str(error))
            await asyncio.sleep(POLL_SECONDS)
            return
        if found is None:
            return
        message = read_message(raw(found[1]))
        if message is None:
            log.warning("inbox message not understood")
            self._metrics.reauth("other", "malformed")
            return
        if time.time() - message.at > STALE_SECONDS:
            self._metrics.reauth(message.kind, "stale")
            return
        task = asyncio.create_task(self._carry(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, message: Message) -> None:
        kind = message.kind
        try:
            result = await self._send(kind, message.session_id)
            is_refused = result.startswith("refused")
            self._metrics.reauth(kind, "refused" if is_refused else result.replace(" ", "_"))
            if message.reply:
                async with self._client.pipeline(transaction=False) as pipeline:
                    pipeline.rpush(message.reply, result)
                    pipeline.expire(message.reply, STALE_SECONDS)
                    await pipeline.execute()
        except Exception as error:
            # The task ends here: a store that is away, or an answer that is no message.
            log.warning("re-authorisation failed", kind=kind, error=repr(error))
            self._metrics.reauth(kind, "failed")

    async def _send(self, kind: str, session_id: bytes) -> str:
        """Send, await the answer, act on it (RFC 8506, 5.5 and RFC 6733, 8.3, 8.5)."""
        session = await self._records.session(session_id)
        if session is None:
            return "unknown"
        name = (kind, session_id)
        if name in self._outstanding:
            return "outstanding"  # one of a kind at a time: the CCR-U that it brings covers both
        self._outstanding.add(name)
        try:
            code = await self._ask(kind, session)
        finally:
            self._outstanding.discard(name)
        if code is None:
            log.warning("no answer from the client", kind=kind, peer=session.origin_host)
            return "no answer"
        if code == UNKNOWN_SESSION_ID:
            await self._close(session)
            return "unknown"
        if code in (SUCCESS, LIMITED_SUCCESS):
            return "ended" if kind == ASR else "asked"
        return f"refused {code}"

    async def _close(self, session: OpenSession) -> None:
        """The client has no such session: release what it holds."""
        outcome = await self._ledger.expire(session, "gone")
        if outcome.closed:
            self._metrics.reserved(-outcome.released)
            self._metrics.session_closed(session.service, "gone")
            self._reauthorise(outcome.waiting)

    async def _ask(self, kind: str, session: OpenSession) -> int | None:
        # One group of several waits for money: only that one asks again (TS 32.299, 6.6.3).
        build = build_asr if kind == ASR else partial(build_rar, rating_group=session.waiting_group)

        def message(hop_by_hop: int, end_to_end: int) -> bytes:
            return build(
                session_id=session.session_id,
                origin_host=self._identity.origin_host,
                origin_realm=self._identity.origin_realm,
                destination_host=session.origin_host,
                destination_realm=session.origin_realm,
                hop_by_hop=hop_by_hop,
                end_to_end=end_to_end,
            )

        answered = await self._request(
            session.origin_host, session.origin_realm, session.peer, message, ANSWER_SECONDS
        )
        return None if answered is None else result_code(answered)
