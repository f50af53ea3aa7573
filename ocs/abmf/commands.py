"""The functions of the store as commands: names of functions and keys, and the arguments of ocs.abmf.calls.

Built here for the ledger and for whoever makes many accounts at a time; nothing here is sent.
"""

from ocs.abmf import keys
from ocs.abmf.calls import post_arguments, post_content
from ocs.abmf.encoding import encode_subscriber
from ocs.abmf.library import Library
from ocs.abmf.link import Argument, Command
from ocs.books import OpenSession, Posting
from ocs.model import ChargePlan, Subscriber


def charge_keys(plan: ChargePlan) -> tuple[Argument, ...]:
    """KEYS of charge.lua and event.lua, behind their number: the same for all requests of a session."""
    partition, account = plan.partition, plan.account_id
    name = keys.digest(plan.session_id)
    return (
        9,
        keys.account(partition, account),
        keys.subscriber(partition, plan.subscriber_id),
        keys.session(partition, name),
        keys.answers(partition, name),
        keys.open_sessions(partition, account),
        keys.due(partition),
        keys.ledger(partition),
        keys.overdue(partition),
        keys.outbox(partition),
    )


def post_command(library: Library, posting: Posting, now: int = 0) -> Command:
    """post.lua."""
    partition, account = posting.partition, posting.account_id
    owner = posting.subscriber.subscriber_id if posting.subscriber else account
    return (
        "FCALL", library.post, 7,
        keys.account(partition, account),
        keys.posting(partition, f"{account}|{posting.key}"),
        keys.open_sessions(partition, account),
        keys.ledger(partition),
        keys.subscriber(partition, owner),
        keys.agenda(partition),
        keys.outbox(partition),
        *post_arguments(posting, keys.digest(post_content(posting)), now),
    )  # fmt: skip


def put_command(library: Library, subscriber: Subscriber) -> Command:
    """put.lua."""
    partition, owner = subscriber.partition, subscriber.subscriber_id
    return (
        "FCALL", library.put, 3,
        keys.subscriber(partition, owner),
        keys.account(partition, subscriber.account_id),
        keys.agenda(partition),
        subscriber.version, encode_subscriber(subscriber), owner, subscriber.due,
    )  # fmt: skip


def expire_command(
    library: Library, session: OpenSession, reason: str, actor: str, now: int
) -> Command:
    """expire.lua."""
    partition, account = session.partition, session.account_id
    name = keys.digest(session.session_id)
    return (
        "FCALL", library.expire, 7,
        keys.account(partition, account),
        keys.session(partition, name),
        keys.answers(partition, name),
        keys.open_sessions(partition, account),
        keys.due(partition),
        keys.ledger(partition),
        keys.overdue(partition),
        now, reason, session.session_id, account, actor,
    )  # fmt: skip
