"""Processor time and memory of processes, from /proc: of server, store and generator side by side."""

import contextlib
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor seconds of some processes since they began, and the memory they hold now."""

    cpu_seconds: float
    rss_bytes: int


def usage(pids: Iterable[int]) -> Usage:
    """Of all these processes together; one that is gone counts nothing."""
    seconds, size = 0.0, 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            continue
        # "pid (name) state ppid ...": the name may have blanks and brackets in it.
        fields = text.rpartition(")")[2].split()
        seconds += (int(fields[11]) + int(fields[12])) / _TICKS
        size += int(fields[21]) * _PAGE
    return Usage(seconds, size)


def listener(port: int) -> int | None:
    """The process of ours that listens on a TCP port of this machine."""
    sockets = set()
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
                _, local, _, state, *rest = line.split()
                if state == "0A" and int(local.rpartition(":")[2], 16) == port:
                    sockets.add(f"socket:[{rest[5]}]")
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with contextlib.suppress(OSError):
            for each in folder.iterdir():
                if str(each.readlink()) in sockets:
                    return int(folder.parent.name)
    return None


@dataclass(frozen=True, slots=True)
class Reading:
    """All parties at one moment."""

    server: Usage
    store: Usage
    generator_seconds: float


def reading(server: Iterable[int], store: Iterable[int]) -> Reading:
    """Now."""
    return Reading(usage(server), usage(store), time.process_time())
