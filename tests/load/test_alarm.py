"""The kernel's timer in the event loop."""

import asyncio
import time

from ocs.load.alarm import Alarm


async def test_it_rings_once_for_each_time_it_is_set() -> None:
    """Not before its time; set anew it rings at the new time only."""
    rings: asyncio.Queue[int] = asyncio.Queue()
    alarm = Alarm(lambda: rings.put_nowait(time.monotonic_ns()))
    for nanos in (2_000_000, 1):
        began = time.monotonic_ns()
        alarm.set(nanos)
        assert await rings.get() - began >= nanos
    alarm.set(60 * 1_000_000_000)
    alarm.set(1)
    await rings.get()
    assert rings.empty()
    alarm.close()


async def test_closed_it_does_not_ring() -> None:
    """Whatever it was set to."""
    rings: list[int] = []
    alarm = Alarm(lambda: rings.append(1))
    alarm.set(1)
    alarm.close()
    other = asyncio.Event()
    second = Alarm(other.set)
    second.set(1_000)
    await other.wait()
    assert rings == []
    second.close()
