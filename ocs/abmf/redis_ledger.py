"""The ledger on Redis: one function call for each request, those of one loop tick in one write.

Rules: a money call without an answer is unknown, not failed; the same idempotent call is sent once more,
and only its answer, or the end of the time allowed, settles it. The client given must not retry by
itself. Nothing here knows tariffs or Diameter.
"""

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn, Protocol

from redis.asyncio import Redis
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
    RedisError,
    ResponseError,
    TimeoutError as RedisTimeoutError,
)

from ocs.abmf import keys
from ocs.abmf.calls import (
    as_list,
    plan_arguments,
    read_balance,
    read_expired,
    read_outcome,
    read_refund,
    read_subscriber,
    word,
)
from ocs.abmf.commands import (
    charge_keys,
    expire_command,
    post_command,
    put_command,
)
from ocs.abmf.encoding import raw, read_refund_token
from ocs.abmf.ledger import ExpireOutcome, LedgerError, LedgerUnavailable, OutcomeUnknown
from ocs.abmf.library import Library
from ocs.abmf.link import Argument, Command, Link, NotSent
from ocs.abmf.records import read_sessions
from ocs.books import (
    Balance,
    OpenSession,
    Posting,
    PostOutcome,
    PostStatus,
    Refund,
    RefundOutcome,
    RefundStatus,
)
from ocs.model import (
    AccountId,
    ChargeOutcome,
    ChargePlan,
    OutcomeStatus,
    Partition,
    RequestType,
    Subscriber,
    SubscriberId,
)

#: How long the route of an ended session leads to its tombstone.
ROUTE_SECONDS = 86_400
#: An INITIAL that was told so leads nowhere.
UNOPENED = (
    OutcomeStatus.STALE,
    OutcomeStatus.EXISTS,
    OutcomeStatus.FOREIGN,
    OutcomeStatus.MISMATCH,
)

#: Sessions whose key names are kept, about a kilobyte each.
NAMES_AT_MOST = 10_000

#: The route of a session closed for this leads to the one that was there first.
ELSEWHERE = "another account's session"


class StoreMetrics(Protocol):
    """What the ledger counts."""

    def store_call(self, operation: str, seconds: float) -> None: ...
    def store_error(self, operation: str, error: str) -> None: ...


class RedisLedger:
    """The production Ledger (see ocs.abmf.ledger for what each call promises)."""

    def __init__(
        self,
        client: Redis,
        library: Library,
        partitions: int = 256,
        *,
        deadline_seconds: float = 3.0,
        metrics: StoreMetrics | None = None,
        clock: Callable[[], int] = lambda: 0,
    ) -> None:
        self._client = client
        self._library = library
        self._partitions = partitions
        self._metrics = metrics
        self._clock = clock  # 0: the store's own time
        self._link = Link(client, deadline_seconds / 2)
        self._names: dict[tuple[object, ...], tuple[Argument, ...]] = {}
        self._later: list[Command] = []  # travels with the next flush, and nobody waits for it

    # --- Ledger -----------------------------------------------------------------------------------

    async def charge(self, plan: ChargePlan) -> ChargeOutcome:
        command = self._charge_command(plan)
        if plan.type is RequestType.INITIAL:
            return await self._open(plan, command, self._route(plan.session_id))
        outcome = read_outcome(as_list((await self._call("charge", command))[-1]))
        if outcome.status in (OutcomeStatus.REFUSED, OutcomeStatus.CLOSED):
            self._later.append(("EXPIRE", self._route(plan.session_id), ROUTE_SECONDS))
        return outcome

    def _route(self, session_id: bytes) -> bytes:
        return keys.route(keys.digest(session_id), self._partitions)

    async def _open(self, plan: ChargePlan, command: Command, route: bytes) -> ChargeOutcome:
        """An INITIAL. The route comes first, since a session without one could be found by nobody; it is
        in another slot, so whether the Session-Id is another account's is seen beside the call."""
        where = f"{plan.partition} {plan.subscriber_id}"
        is_new, leads_to, reply = await self._call(
            "charge", ("SET", route, where, "NX"), ("GET", route), command
        )
        outcome = read_outcome(as_list(reply))
        if leads_to is not None and raw(leads_to) != where.encode():
            if outcome.status is OutcomeStatus.CHARGED:
                for each in await read_sessions(self._client, plan.partition, [plan.session_id]):
                    await self.expire(each, ELSEWHERE)
            return ChargeOutcome(OutcomeStatus.EXISTS)
        if is_new and (outcome.status in UNOPENED or outcome.is_replayed):
            await self._call("charge", ("DEL", route))  # the fresh plan may be another account's
        elif outcome.status in (OutcomeStatus.REFUSED, OutcomeStatus.UNRATED):
            self._later.append(("EXPIRE", route, ROUTE_SECONDS))
        return outcome

    async def post(self, posting: Posting) -> PostOutcome:
        partition, account = posting.partition, posting.account_id
        command = post_command(self._library, posting, self._clock())
        reply = as_list((await self._call("post", command))[-1])
        status = PostStatus(word(reply[0]))
        if status is PostStatus.STALE:
            return PostOutcome(status, subscriber=read_subscriber(reply[1:]))
        if status not in (PostStatus.POSTED, PostStatus.REPLAYED):
            return PostOutcome(status)
        balance = await self.balance(account, partition)
        waiting = [raw(each) for each in as_list(reply[1])]
        found = await read_sessions(self._client, partition, waiting)
        stored = posting.subscriber
        if stored is not None and status is PostStatus.REPLAYED:
            stored = read_subscriber(reply[2:])
        elif stored is not None:
            stored = replace(stored, version=int(raw(reply[2])))
        return PostOutcome(status, balance or Balance(), tuple(found), stored)

    async def posted(self, account_id: AccountId, partition: Partition, key: str) -> bool:
        command: Command = ("EXISTS", keys.posting(partition, f"{account_id}|{key}"))
        return (await self._call("posted", command))[-1] == 1

    async def expire(self, session: OpenSession, reason: str, actor: str = "ocs") -> ExpireOutcome:
        command = expire_command(self._library, session, reason, actor, self._clock())
        outcome = read_expired(as_list((await self._call("expire", command))[-1]))
        if outcome.closed and reason != ELSEWHERE:
            self._later.append(("EXPIRE", self._route(session.session_id), ROUTE_SECONDS))
        return outcome

    async def refund(self, refund: Refund) -> RefundOutcome:
        found = read_refund_token(refund.token)
        if found is None or found[0] >= self._partitions:
            return RefundOutcome(RefundStatus.UNKNOWN)
        partition, account, name, event = found
        command: Command = (
            "FCALL", self._library.refund, 4,
            keys.account(partition, account),
            keys.session(partition, name),
            keys.answers(partition, keys.digest(refund.session_id)),
            keys.ledger(partition),
            refund.number, refund.content, refund.session_id, account, refund.actor, event,
        )  # fmt: skip
        return read_refund(as_list((await self._call("refund", command))[-1]))

    async def restarted(self, host: str, state_id: int) -> bool:
        if state_id <= 0:
            return False
        command: Command = ("FCALL", self._library.origin, 1, keys.origin(host), state_id)
        return word(as_list((await self._call("restarted", command))[-1])[0]) == "raised"

    async def put(self, subscriber: Subscriber) -> Subscriber | None:
        command = put_command(self._library, subscriber)
        reply = as_list((await self._call("put", command))[-1])
        if word(reply[0]) == "conflict":
            return None
        return replace(subscriber, version=int(raw(reply[1])))

    async def balance(self, account_id: AccountId, partition: Partition) -> Balance | None:
        command: Command = ("HGETALL", keys.account(partition, account_id))
        return read_balance((await self._call("balance", command))[-1])

    async def due(self, partition: Partition, now: int, count: int) -> list[SubscriberId]:
        command: Command = (
            "ZRANGEBYSCORE", keys.agenda(partition), "-inf", now, "LIMIT", 0, count,
        )  # fmt: skip
        found = as_list((await self._call("due", command))[-1])
        return [SubscriberId(word(each)) for each in found]

    # --- commands ---------------------------------------------------------------------------------

    def _charge_command(self, plan: ChargePlan) -> Command:
        whose = plan.session_id, plan.partition, plan.account_id, plan.subscriber_id
        names = self._names.get(whose)
        if names is None:
            if len(self._names) >= NAMES_AT_MOST:
                self._names.clear()
            names = self._names[whose] = charge_keys(plan)
        library = self._library
        called = library.event if plan.type is RequestType.EVENT else library.charge
        return ("FCALL", called, *names, *plan_arguments(plan, self._clock()))

    # --- the link ---------------------------------------------------------------------------------

    async def _call(self, operation: str, *commands: Command) -> list[object]:
        """The replies to `commands`, which travel in one flush; the last is the call itself.

        A call that may have arrived is sent once more (it is idempotent: its repeat tells what became of
        it), each time with half of the time allowed.
        """
        started = time.perf_counter()
        unanswered: BaseException | None = None
        for _ in range(2):
            try:
                replies = await self._send(commands)
            except NotSent as error:
                self._error(operation, error)
                if unanswered is None:
                    raise LedgerUnavailable(str(error)) from error
                continue
            except (RedisTimeoutError, RedisConnectionError) as error:
                self._error(operation, error)
                unanswered = error
                continue
            for each in replies:
                if isinstance(each, RedisError):
                    self._refused(
                        operation, each, is_certain=unanswered is None and each is replies[-1]
                    )
            if self._metrics is not None:
                self._metrics.store_call(operation, time.perf_counter() - started)
            return replies
        raise OutcomeUnknown(operation) from unanswered

    async def _send(self, commands: tuple[Command, ...]) -> list[object]:
        """The replies; the functions are loaded first where the store lost them (FUNCTION FLUSH)."""
        if self._later:
            later, self._later = tuple(self._later), []
            self._link.send(later)
        replies = await self._link.send(commands)
        if isinstance(replies[-1], ResponseError) and "Function not found" in str(replies[-1]):
            await self._library.load(self._client)
            replies = await self._link.send(commands)
        return replies

    async def open(self) -> None:
        """Connect now, so that no request has to wait for it."""
        await self._call("open", ("PING",))

    async def drain(self) -> None:
        """Send what waits for the next flush: nothing may come after it."""
        if self._later:
            with contextlib.suppress(LedgerError):
                await self._call("drain", ("PING",))

    def _refused(self, operation: str, refusal: RedisError, *, is_certain: bool) -> NoReturn:
        """The store answered that it will not, or cannot."""
        self._error(operation, refusal)
        if is_certain:
            raise LedgerUnavailable(str(refusal)) from refusal
        raise OutcomeUnknown(operation) from refusal

    def _error(self, operation: str, error: BaseException) -> None:
        if self._metrics is not None:
            self._metrics.store_error(operation, type(error).__name__)
