"""The arithmetic of the demonstration, and requests as its clients write them."""

from fractions import Fraction

import pytest

from ocs.demo.cast import (
    DATA,
    KILOBYTE,
    MEGABYTE,
    SMS,
    VISITED_TIYN,
    VOICE,
    Platform,
    Session,
    call_tiyn,
    data_tiyn,
    granted,
    is_final,
    kilobytes_for,
    rounded,
    seconds_for,
    service,
)
from ocs.demo.client import DiameterClient
from ocs.diameter.client_messages import Answer, decode_cca
from ocs.diameter.credit_control import MSCC, USU, FinalUnit, MSCCAnswer, Units
from ocs.diameter.framing import Header

HEADER = Header(1, 20, 0x40, 272, 4, 1, 1)


def session(context: str) -> Session:
    """A session of a client that is not connected."""
    client = DiameterClient("switch.test.example", "test.example", "ocs.example")
    return Session(client, "77010000001", "run;one", context, 10)


@pytest.mark.parametrize(
    ("tiyn", "whole"), [("0", 0), ("1/2", 1), ("49/100", 0), ("3/2", 2), ("1100/60", 18)]
)
def test_rounded(tiyn: str, whole: int) -> None:
    """Half up."""
    assert rounded(Fraction(tiyn)) == whole


@pytest.mark.parametrize(
    ("seconds", "tiyn"), [(0, 0), (1, 18), (20, 367), (40, 733), (54, 990), (60, 1100), (75, 1375)]
)
def test_call(seconds: int, tiyn: int) -> None:
    """11.00 a minute by the second."""
    assert call_tiyn(seconds) == tiyn


@pytest.mark.parametrize(
    ("tiyn", "after", "seconds"),
    [(0, 0, 0), (17, 0, 0), (18, 0, 1), (1000, 0, 54), (1375, 0, 75), (350, 30, 19), (550, 5, 30)],
)
def test_seconds_for(tiyn: int, after: int, seconds: int) -> None:
    """The longest stretch whose rounded cost, with what went before, can be paid."""
    assert seconds_for(tiyn, after) == seconds


@pytest.mark.parametrize(
    ("size", "tiyn"), [(0, 0), (1, 2), (KILOBYTE, 2), (KILOBYTE + 1, 4), (MEGABYTE, 2000)]
)
def test_data(size: int, tiyn: int) -> None:
    """20.00 a megabyte by begun kilobytes: one costs 1.95 tiyn."""
    assert data_tiyn(size) == tiyn


def test_kilobytes_for() -> None:
    """3.00 pay for 153 KB (2.99) and not for 154 (3.01); abroad 100.00 for 1735 KB (99.97)."""
    assert kilobytes_for(300) == 153
    assert kilobytes_for(0) == 0
    assert kilobytes_for(10_000, VISITED_TIYN) == 1735


def test_requests_of_a_call() -> None:
    """Seconds, both parties, a number that counts up, and a time that goes on by what was used; the last
    one wishes nothing."""
    call = session(VOICE)
    first, update, last = (
        call.ccr(1, None, Units(time=60)),
        call.ccr(2, 5, None),
        call.ccr(3, 0, None),
    )
    assert [each.request_number for each in (first, update, last)] == [0, 1, 2]
    start = first.event_timestamp or 0
    assert [update.event_timestamp, last.event_timestamp] == [start + 5, start + 5]
    assert first.mscc == (MSCC(10, (), Units(time=60)),)
    assert update.mscc == (MSCC(10, (), None, (USU(Units(time=5)),)),)
    assert first.calling == ("tel:+77010000001",) and first.apn is None
    assert first.session_id == last.session_id == b"switch.test.example;run;one"


def test_requests_of_data() -> None:
    """Octets and an access point; services of one's own in place of the one."""
    gateway = session(DATA)
    own = (MSCC(20, (), Units()),)
    assert gateway.ccr(2, 7, None).mscc == (MSCC(10, (), None, (USU(Units(total_octets=7)),)),)
    made = gateway.ccr(2, None, None, own)
    assert (made.mscc, made.apn, made.called) == (own, "internet", None)


async def test_events_have_sessions_of_their_own() -> None:
    """Each event is a new session with the number 0; recipients come with their originator."""
    sent = []

    class Recorder(DiameterClient):
        async def request(self, message: bytes, hop_by_hop: int) -> bytes:
            sent.append(message)
            return message

    client = Recorder("smsc.test.example", "test.example", "ocs.example")
    platform = Platform(client, "77010000001", "run;sms", SMS, (), ("+77051234567",))
    first, second = await platform.debit(), await platform.event(2, 3)
    assert [each.session_id[-2:] for each in (first, second)] == [b";1", b";2"]
    assert {each.request_number for each in (first, second)} == {0}
    assert all(b"77051234567" in each for each in sent)
    assert decode_cca(sent[0]).request_type == 4


def test_what_an_answer_grants() -> None:
    """Units of any kind; nothing where there is no MSCC, and its code is the command's then."""
    nothing = Answer(HEADER, result_code=4012)
    assert (granted(nothing), is_final(nothing), service(nothing).result_code) == (0, False, 4012)
    for units in (Units(time=7), Units(total_octets=7), Units(specific=7)):
        answer = Answer(HEADER, mscc=(MSCCAnswer(1, (), 2001, units, final_unit=FinalUnit()),))
        assert (granted(answer), is_final(answer)) == (7, True)
