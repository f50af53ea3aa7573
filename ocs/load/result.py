"""The result of a run, and its JSON: what was measured, where, with what, and the audit.

There is no result without an audit. Nothing in it says where on its disk a machine keeps anything.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ocs import __version__
from ocs.load.audit import Audit
from ocs.load.record import Latency

ROOT = Path(__file__).parents[2]
LIBRARIES = ("uvloop", "redis", "hiredis", "python-diameter")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Where and with what something was measured."""

    cpu: str
    cores: int
    kernel: str
    versions: Mapping[str, str]
    commit: str
    date: str
    command: str


@dataclass(frozen=True, slots=True)
class Party:
    """Server, store or generator: processor time while measuring, memory at the end of it."""

    cpu_seconds: float
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Result:
    """One run. Rates are a second's; `offered` is 0 in a closed loop."""

    workload: str
    target: str
    load: str
    seed: int
    connections: int
    subscribers: int
    sessions: int
    seconds: float
    offered: float
    achieved: float
    sent: int
    unanswered: int
    repeats: int
    latency: Mapping[str, Latency]  # by request type, "all" among them
    #: How late the generator itself was; part of the latencies in an open loop.
    late: Latency
    codes: Mapping[str, Mapping[str, int]]
    server: Party
    store: Party
    generator: Party
    store_used_bytes: int
    circumstances: Circumstances
    audit: Audit

    @property
    def answered(self) -> int:
        """Requests with an answer."""
        return self.latency["all"].count

    def per_thousand(self, party: Party) -> float:
        """Processor seconds for a thousand requests."""
        return party.cpu_seconds * 1000 / max(1, self.answered)

    def as_json(self) -> str:
        """The whole of it."""
        value = asdict(self)
        value["cpu_seconds_per_1000"] = {
            name: round(self.per_thousand(each), 4)
            for name, each in (
                ("server", self.server),
                ("store", self.store),
                ("generator", self.generator),
            )
        }
        return json.dumps(value, indent=1)


def read_result(path: Path) -> Result:
    """The result in a file."""
    value: dict[str, Any] = json.loads(path.read_text())
    value.pop("cpu_seconds_per_1000", None)
    for name in ("server", "store", "generator"):
        value[name] = Party(**value[name])
    value["latency"] = {name: Latency(**each) for name, each in value["latency"].items()}
    value["late"] = Latency(**value["late"])
    value["circumstances"] = Circumstances(**value["circumstances"])
    value["audit"] = Audit(**{**value["audit"], "told": tuple(value["audit"]["told"])})
    return Result(**value)


def circumstances(store_version: str) -> Circumstances:
    """Of this machine, now."""
    versions = {"python": platform.python_version(), "ocs": __version__, "store": store_version}
    versions |= {name: version(name) for name in LIBRARIES}
    return Circumstances(
        cpu=cpu_model(),
        cores=os.cpu_count() or 1,
        kernel=f"{platform.system()} {platform.release()}",
        versions=versions,
        commit=commit(),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command(sys.argv),
    )


def cpu_model() -> str:
    """What the processor calls itself."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def commit() -> str:
    """Of the source tree, with "+" where it was changed since; "" where there is none."""

    def git(*words: str) -> str:
        found = subprocess.run(  # noqa: S603  # words of ours
            ["git", "-C", str(ROOT), *words],  # noqa: S607
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return found.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short", "HEAD") + ("+" if changed else "")
    except OSError:
        return ""


def command(words: list[str]) -> str:
    """The command line, without the folders of this machine."""
    return " ".join(Path(each).name if each.startswith("/") else each for each in words)
