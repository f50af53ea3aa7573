"""What a run is aimed at: where it listens, whose processor time is counted, where its accounts are.

A server of ours has a configuration, through which the run makes its subscribers and audits them. Any
other server has none: its answers are counted, and that is all that can be said of it.
"""

from dataclasses import dataclass

from ocs.config import Config


@dataclass(frozen=True, slots=True)
class Target:
    """A server. Worker i listens on `port` + i. Processes that are not on this machine have no pids."""

    host: str
    port: int
    realm: str
    server_pids: tuple[int, ...] = ()
    store_pids: tuple[int, ...] = ()
    workers: int = 1
    config: Config | None = None
    name: str = "ocs"
