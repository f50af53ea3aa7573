"""Processor time and memory of processes."""

import os
import socket
import time

from ocs.load.watch import listener, reading, usage


def test_our_own_usage_grows_with_work() -> None:
    """By what was worked."""
    before = usage([os.getpid()])
    until = time.process_time() + 0.1
    while time.process_time() < until:
        pass
    after = usage([os.getpid()])
    assert after.cpu_seconds - before.cpu_seconds >= 0.05
    assert after.rss_bytes > 1 << 20


def test_a_process_that_is_gone_counts_nothing() -> None:
    """Also among others."""
    own = usage([os.getpid()])
    assert usage([2**22 + 1]).rss_bytes == 0
    assert usage([os.getpid(), 2**22 + 1]).rss_bytes >= own.rss_bytes // 2


def test_all_parties_at_one_moment() -> None:
    """The generator is this process."""
    now = reading([os.getpid()], [])
    assert now.server.cpu_seconds > 0 and now.store.cpu_seconds == 0
    assert now.generator_seconds > 0


def test_who_listens_on_a_port_is_found() -> None:
    """Ourselves; nobody, once it is closed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert listener(port) == os.getpid()
    assert listener(port) is None
