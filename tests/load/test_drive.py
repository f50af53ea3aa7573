"""When requests are sent, on a clock that is moved by hand."""

from dataclasses import replace

import pytest

from ocs.diameter.ccr import decode_ccr
from ocs.load.drive import (
    ANSWER_SECONDS,
    SECOND,
    Closed,
    Driver,
    Limit,
    LoadFailed,
    Open,
    Overloaded,
    Ramp,
)
from tests.load.playing import DATA, grant, reply, traffic_of

MILLISECOND = SECOND // 1000


class Server:
    """Takes requests; answers them when it is told to."""

    def __init__(self, sessions: int) -> None:
        self.now = 0
        self.requests: list[bytes] = []
        self.traffic = traffic_of(replace(DATA, updates=0), sessions)
        self.driver = Driver(self.traffic, [self], clock=lambda: self.now)

    def send(self, message: bytes | bytearray) -> None:
        """What the driver sends."""
        self.requests.append(bytes(message))

    def answer(self, count: int | None = None) -> None:
        """Answer the oldest, or all, and let the driver go on."""
        count = len(self.requests) if count is None else count
        now, self.requests = self.requests[:count], self.requests[count:]
        for each in now:
            self.driver.answered(reply(decode_ccr(each), 2001, [grant(1 << 20)]), self.now)
        self.driver.pump()

    def open_all(self) -> None:
        """Every session open, as before a measurement."""
        self.driver.begin(Closed(64), Limit(), self.traffic.opening)
        self.driver.pump()
        while not self.driver.is_done:
            self.answer()


def test_a_closed_loop_keeps_so_many_under_way() -> None:
    """Each answer sends the next, until the limit."""
    server = Server(sessions=10)
    server.open_all()
    record = server.driver.begin(Closed(4), Limit(requests=9), server.traffic.take)
    server.driver.pump()
    assert len(server.requests) == 4
    server.answer(1)
    assert len(server.requests) == 4 and record.sent == 5
    while not server.driver.is_done:
        server.answer()
    assert (record.sent, record.answered) == (9, 9)


def test_a_closed_loop_ends_with_its_time() -> None:
    """Nothing is sent afterwards; what is under way is waited for."""
    server = Server(sessions=10)
    server.open_all()
    record = server.driver.begin(Closed(4), Limit(seconds=1), server.traffic.take)
    server.driver.pump()
    server.now += SECOND
    assert not server.driver.is_done
    server.answer()
    assert server.driver.is_done and record.sent == 4


def test_a_server_that_stands_still_shows_in_all_that_should_have_been_sent() -> None:
    """The open loop counts from the moment a request was due: no coordinated omission."""
    server = Server(sessions=2_000)
    server.open_all()
    record = server.driver.begin(Open(1_000), Limit(seconds=1), server.traffic.take)
    for tick in range(1_000):
        server.now = server.driver.began + tick * MILLISECOND
        server.driver.pump()
        # It stands still from the 200th to the 599th millisecond.
        if not 200 <= tick < 600:
            server.answer()
    assert server.driver.is_done
    latencies = sorted(each for found in record.latencies for each in found)
    assert len(latencies) == 1_000
    # A request that was due when it stood still waited until it went on.
    slow = [each for each in latencies if each]
    assert slow == [each * MILLISECOND for each in range(1, 401)]


def test_a_generator_that_is_late_sends_all_that_is_due() -> None:
    """In one burst, each with its own intended moment; how late it was is kept."""
    server = Server(sessions=100)
    server.open_all()
    record = server.driver.begin(Open(1_000), Limit(seconds=0.05), server.traffic.take)
    server.now += 20 * MILLISECOND
    server.driver.pump()
    assert len(server.requests) == 21
    assert [each // MILLISECOND for each in record.lateness] == list(range(20, -1, -1))


def test_with_all_sessions_waiting_the_schedule_goes_on_late() -> None:
    """A session has one request under way; what it could not send in time counts from its moment."""
    server = Server(sessions=2)
    server.open_all()
    record = server.driver.begin(Open(1_000), Limit(requests=4), server.traffic.take)
    server.now += 10 * MILLISECOND
    server.driver.pump()
    assert len(server.requests) == 2
    server.answer()
    server.answer()
    assert server.driver.is_done
    found = sorted(each for kind in record.latencies for each in kind)
    assert found == [each * MILLISECOND for each in (7, 8, 9, 10)]


def test_hopelessly_behind_is_said() -> None:
    """Five seconds late, the phase is broken off; what was sent is still waited for."""
    server = Server(sessions=2)
    server.open_all()
    server.driver.begin(Open(1_000), Limit(seconds=60), server.traffic.take)
    server.driver.pump()
    server.now += 6 * SECOND
    server.driver.pump()
    assert isinstance(server.driver.overloaded, Overloaded)
    assert "5 s behind the schedule" in str(server.driver.overloaded)
    assert not server.driver.is_done
    server.answer()
    assert server.driver.is_done


def test_what_has_no_answer_in_time_is_given_up() -> None:
    """The others are not; a late answer changes nothing."""
    server = Server(sessions=2)
    server.open_all()
    record = server.driver.begin(Closed(2), Limit(requests=2), server.traffic.take)
    server.driver.pump()
    late, other = server.requests
    server.now += int((ANSWER_SECONDS - 1) * SECOND)
    server.requests = [other]
    server.answer()
    server.now += 2 * SECOND
    server.driver.expire()
    assert (record.unanswered, record.answered) == (1, 1) and server.driver.is_done
    server.driver.answered(reply(decode_ccr(late), 2001, [grant(1)]), server.now)
    assert record.answered == 1


def test_a_server_that_says_nothing_at_all_ends_the_run() -> None:
    """Nothing is a result then."""
    server = Server(sessions=2)
    server.open_all()
    server.driver.begin(Closed(2), Limit(requests=2), server.traffic.take)
    server.driver.pump()
    server.now += int((ANSWER_SECONDS + 1) * SECOND)
    server.driver.expire()
    with pytest.raises(LoadFailed, match="answered nothing for 10 s"):
        _ = server.driver.is_done


def test_a_lost_connection_ends_the_run() -> None:
    """With its reason."""
    server = Server(sessions=1)
    server.driver.failed("the server closed the connection")
    server.driver.failed("another")
    with pytest.raises(LoadFailed, match="closed the connection"):
        _ = server.driver.is_done


@pytest.mark.parametrize(
    "shape", [Open(250.0), Ramp(100, 900, 2.0), Ramp(0, 50, 4.0), Ramp(90, 10, 2)]
)
def test_due_and_moment_say_the_same(shape: Open | Ramp) -> None:
    """Request k is due at its moment, and not a microsecond before."""
    for number in range(1, 100):
        moment = shape.moment(number)
        assert shape.due(moment + 1e-6) >= number + 1
        assert shape.due(moment - 1e-6) <= number


def test_a_ramp_grows_evenly() -> None:
    """From 100 to 900 within 2 s are 1,000 requests; a quarter of the time has fewer than a quarter."""
    ramp = Ramp(100, 900, 2.0)
    assert ramp.due(2.0) - 1 == 1_000
    assert ramp.due(0.5) - 1 == 100
    assert str(ramp) == "ramp, 100 to 900 a second"
