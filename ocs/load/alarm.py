"""A timer of the kernel (timerfd) in the event loop: it wakes to the microsecond.

The loop's own timers turn by the millisecond. A schedule that is kept by them sends each request up to a
millisecond late, and that would be part of every latency.
"""

import asyncio
import ctypes
import os
import time
from collections.abc import Callable

_LIBC = ctypes.CDLL(None, use_errno=True)
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC  # TFD_NONBLOCK | TFD_CLOEXEC have these values
_SECOND = 1_000_000_000


class Alarm:
    """Calls back once for each time it is set."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback
        self._descriptor = int(_LIBC.timerfd_create(time.CLOCK_MONOTONIC, _FLAGS))
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._descriptor, self._ring)

    def set(self, nanos: int) -> None:
        """Ring so long from now."""
        seconds, rest = divmod(max(1, nanos), _SECOND)
        # struct itimerspec: interval and value, each of seconds and nanoseconds.
        timer = (ctypes.c_long * 4)(0, 0, seconds, rest)
        _LIBC.timerfd_settime(self._descriptor, 0, timer, None)

    def close(self) -> None:
        """Never ring again."""
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)

    def _ring(self) -> None:
        try:
            os.read(self._descriptor, 8)
        except BlockingIOError:
            return  # it was set anew in the meantime
        self._callback()
