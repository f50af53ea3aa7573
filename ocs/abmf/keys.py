"""Every key name of the ledger, and nothing else builds one.

The hash tag is a partition that this project computes, never text from a peer: a Session-Id with braces
must not choose its slot. What belongs together (account, sessions, deadlines, ledger) shares a
partition and changes in one call.
"""

import hashlib

from ocs.model import Identity, IdentityKind

ACCOUNT_NUMBERS = b"ocs:accounts"


def digest(value: bytes) -> bytes:
    """A fixed-size name for text of a peer."""
    return hashlib.blake2b(value, digest_size=16).hexdigest().encode()


def partition_of(name: bytes, partitions: int) -> int:
    """The partition that a digest falls into."""
    return int(name[:8], 16) % partitions


def tag(partition: int) -> bytes:
    """The hash tag of a partition."""
    return b"{p%03d}" % partition


def account(partition: int, account_id: str) -> bytes:
    """Hash of amounts."""
    return b"%b:acct:%b" % (tag(partition), account_id.encode())


def subscriber(partition: int, subscriber_id: str) -> bytes:
    """Hash of version and data."""
    return b"%b:sub:%b" % (tag(partition), subscriber_id.encode())


def members(partition: int, account_id: str) -> bytes:
    """How many members were ever given to an account."""
    return b"%b:members:%b" % (tag(partition), account_id.encode())


def agenda(partition: int) -> bytes:
    """Sorted set of subscribers by when something is to be done for them."""
    return b"%b:agenda" % tag(partition)


def outbox(partition: int) -> bytes:
    """Stream of what subscribers are to be told."""
    return b"%b:outbox" % tag(partition)


def session(partition: int, name: bytes) -> bytes:
    """Hash of one session; `name` is the digest of its Session-Id."""
    return b"%b:sess:%b" % (tag(partition), name)


def answers(partition: int, name: bytes) -> bytes:
    """Hash of a session's stored answers."""
    return b"%b:answers:%b" % (tag(partition), name)


def open_sessions(partition: int, account_id: str) -> bytes:
    """Hash of an account's open Session-Ids, each with whether it waits for money or holds some."""
    return b"%b:open:%b" % (tag(partition), account_id.encode())


def due(partition: int) -> bytes:
    """Sorted set of Session-Ids by deadline."""
    return b"%b:due" % tag(partition)


def overdue(partition: int) -> bytes:
    """Sorted set of Session-Ids by when, their last units used, they must have asked again."""
    return b"%b:overdue" % tag(partition)


def ledger(partition: int) -> bytes:
    """Stream of entries."""
    return b"%b:ledger" % tag(partition)


def posting(partition: int, key: str) -> bytes:
    """Record of one idempotency key."""
    return b"%b:post:%b" % (tag(partition), digest(key.encode()))


def origin(host: str) -> bytes:
    """String with the newest Origin-State-Id of a client; a domain name's case says nothing."""
    return b"origin:%b" % digest(host.lower().encode())


def route(name: bytes, partitions: int) -> bytes:
    """String that leads from a Session-Id (its digest) to partition and subscriber."""
    return b"%b:route:%b" % (tag(partition_of(name, partitions)), name)


def identity(each: Identity, partitions: int) -> bytes:
    """String that leads from an identity to partition and subscriber."""
    name = digest(each.value.encode())
    is_digits = each.kind in (IdentityKind.E164, IdentityKind.IMSI) and each.value.isdigit()
    shown = each.value.encode() if is_digits and each.value.isascii() else name
    return b"%b:id:%b:%b" % (
        tag(partition_of(name, partitions)),
        each.kind.value.encode(),
        shown,
    )


def inbox(worker: str) -> bytes:
    """List of messages to one worker."""
    return b"inbox:%b" % worker.encode()


def reply(name: str) -> bytes:
    """List that one reply to an inbox message is put on."""
    return b"reply:%b" % name.encode()
