"""The ledger's functions as one Redis function library, and the contract in their headers.

Library and function names carry the hash of the source: two releases run side by side, and a function
never changes under a worker. A header that lists other statuses than its code returns fails at import.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis

FOLDER = Path(__file__).parent / "lua"
#: In this order: each uses only what stands before it.
SHARED = (
    "common", "balances", "move", "money", "state", "view", "reach", "take", "lay", "parse", "client",
    "service", "session", "waiting", "clamp", "plan", "overdue", "answer", "write", "acts",
)  # fmt: skip
FUNCTIONS = ("charge", "event", "refund", "post", "expire", "put", "origin")
#: Calls that only release or keep nothing are let in when the memory is full.
ALLOW_OOM = frozenset({"expire"})

_LISTED = re.compile(r"^    (\w+)\s", re.MULTILINE)
_RETURNED = re.compile(r"return \{'(\w+)'|(?<![.\w])status = '(\w+)'")
_NAMED = re.compile(r"'(\w+)' or '(\w+)'")


class ContractBroken(Exception):
    """A header and its code name different statuses."""


@dataclass(frozen=True, slots=True)
class Library:
    """The source, and the name under which each function is called."""

    name: str
    source: str
    charge: str
    event: str
    refund: str
    post: str
    expire: str
    put: str
    origin: str

    @classmethod
    def from_package(cls) -> "Library":
        """The library of this release."""
        bodies = [(FOLDER / "lib" / f"{name}.lua").read_text() for name in SHARED]
        for name in FUNCTIONS:
            code = (FOLDER / f"{name}.lua").read_text()
            check_contract(name, code)
            bodies.append(code)
        joined = "\n".join(bodies)
        mark = hashlib.sha256(joined.encode()).hexdigest()[:12]
        called = {name: f"ocs_{name}_{mark}" for name in FUNCTIONS}
        registered = [
            f"redis.register_function{{function_name='{called[name]}', callback={name}, "
            f"flags={{{flags(name)}}}}}"
            for name in FUNCTIONS
        ]
        source = "\n".join([f"#!lua name=ocs_{mark}", joined, *registered])
        return cls(f"ocs_{mark}", source, **called)

    async def load(self, client: Redis) -> None:
        """Make the functions callable; harmless where they are already."""
        await client.function_load(self.source, replace=True)


def flags(name: str) -> str:
    """The flags a function is registered with."""
    return "'allow-oom'" if name in ALLOW_OOM else ""


def statuses_listed(code: str) -> set[str]:
    """The statuses that the header's `Returns` part lists."""
    header = code.partition("]]")[0].partition("Returns {status, ...}")[2]
    return set(_LISTED.findall(header))


def statuses_returned(code: str) -> set[str]:
    """The statuses that the code returns."""
    body = code.partition("]]")[2]
    found = {a or b for a, b in _RETURNED.findall(body)}
    for line in body.splitlines():
        if "then status =" in line:
            found.update(name for pair in _NAMED.findall(line) for name in pair)
    return found


def check_contract(name: str, code: str) -> None:
    """Raise ContractBroken when header and code differ."""
    listed, returned = statuses_listed(code), statuses_returned(code)
    if listed != returned:
        raise ContractBroken(f"{name}.lua lists {sorted(listed)} and returns {sorted(returned)}")
