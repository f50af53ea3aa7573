"""The strict reader refuses what it is there to refuse: each test spoils a good answer in one way."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ocs.diameter.avp import octets, text, u32
from ocs.diameter.cca import encode_cca
from ocs.diameter.client_messages import encode_ccr
from ocs.diameter.credit_control import CCA, CCR, FinalUnit, MSCCAnswer, Units
from tests.charging.worked import ANY, data, mscc
from tests.support import strict
from tests.support.messages import cut_out, with_length

CCR_I = data(1, 0, mscc(10, None, Units(total_octets=1000)))
REQUEST = encode_ccr(CCR_I)
GRANT = MSCCAnswer(10, (), 2001, Units(total_octets=1000), 3600, volume_threshold=200)


def answered(cca: CCA, ccr: CCR = CCR_I) -> bytes:
    """The answer as it goes out."""
    return encode_cca(ccr, cca, "ocs1.ocs.example", "ocs.example")


GOOD = answered(CCA(2001, (GRANT,), failure_handling=2, cost=(5, -2, 398)))


def test_good_answers_pass() -> None:
    """A grant, a refusal and a protocol error."""
    refused = answered(CCA(4012, error_message="no money"))
    away = answered(CCA(3004, error_message="busy"))
    for answer in (GOOD, refused, away):
        assert strict.check(REQUEST, answer)


def swapped(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """Another AVP in the place of one."""

    def spoil(answer: bytes) -> bytes:
        assert answer.count(old) == 1
        return with_length(answer.replace(old, new))

    return spoil


def added(avp: bytes) -> Callable[[bytes], bytes]:
    """One AVP too many."""
    return lambda answer: with_length(answer + avp)


def without(avp: bytes) -> Callable[[bytes], bytes]:
    """One too few."""
    return lambda answer: cut_out(answer, avp)


def flagged(bits: int) -> Callable[[bytes], bytes]:
    """Other bits in the header."""
    return lambda answer: answer[:4] + bytes((answer[4] ^ bits,)) + answer[5:]


SPOILED: dict[str, Callable[[bytes], bytes]] = {
    "an AVP of three octets": swapped(u32(427, 2), octets(427, b"\0\0\2")),
    "padding that is not zero": swapped(
        text(296, "ocs.example"), text(296, "ocs.example")[:-1] + b"\1"
    ),
    "no padding at the end": lambda answer: with_length(answer[:-2]),
    "a length that is not true": lambda answer: answer + bytes(4),
    "an enumeration out of range": swapped(u32(427, 2), u32(427, 3)),
    "M where it must not be": added(text(281, "why")),
    "no M where it must be": swapped(u32(427, 2), u32(427, 2, 0)),
    "QoS-Final-Unit-Indication": added(octets(669, u32(449, 0))),
    "Experimental-Result": added(octets(297, u32(266, 10415) + u32(298, 5011))),
    "no origin": without(text(296, "ocs.example")),
    "the application is missing": without(u32(258, 4)),
    "an AVP twice": added(u32(427, 2)),
    "Destination-Realm in an answer": added(text(283, "example.net")),
    "Session-Id is not first": lambda answer: with_length(
        cut_out(answer, octets(263, b"pgw1;1;2")) + octets(263, b"pgw1;1;2")
    ),
    "reserved bits": flagged(0x08),
    "T": flagged(0x10),
    "P is not the request's": flagged(0x40),
    "E with 2001": flagged(0x20),
    "a request": flagged(0x80),
    "another Hop-by-Hop Id": lambda answer: answer[:12] + b"\0\0\0\1" + answer[16:],
    "another number": swapped(u32(415, 0), u32(415, 1)),
    "another session": swapped(b"pgw1;1;2", b"pgw1;1;3"),
    "Cost-Information without currency": swapped(u32(425, 398), b""),
}


@pytest.mark.parametrize("what", SPOILED)
def test_spoiled_answer_is_refused(what: str) -> None:
    """One fault is enough."""
    spoiled = SPOILED[what](GOOD)
    assert spoiled != GOOD
    with pytest.raises(strict.Refused):
        strict.check(REQUEST, spoiled)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(GRANT, final_unit=FinalUnit()),  # a threshold beside a final unit
        replace(GRANT, result_code=4012),  # a grant beside a refusal
        replace(GRANT, volume_threshold=1000),  # a threshold of the whole grant
        replace(GRANT, gsu=Units()),  # a grant of nothing
        replace(GRANT, gsu=Units(time=60)),  # another unit than was asked for
        replace(GRANT, gsu=None, volume_threshold=None, result_code=4012, final_unit=FinalUnit()),
        replace(GRANT, rating_group=11),  # a service that was not asked for
        replace(GRANT, volume_threshold=None, final_unit=FinalUnit(1)),  # redirected to nowhere
    ],
)
def test_contradiction_is_refused(wrong: MSCCAnswer) -> None:
    """What may not stand together does not pass, however well each part is formed."""
    with pytest.raises(strict.Refused):
        strict.check(REQUEST, answered(CCA(2001, (wrong,))))


def test_validity_that_cuts_a_call_short_is_refused() -> None:
    """Validity-Time is longer than a grant of time."""
    call = data(1, 0, mscc(10, None, ANY))
    cca = CCA(2001, (MSCCAnswer(10, (), 2001, Units(time=600), 600),))
    with pytest.raises(strict.Refused, match="Validity-Time"):
        strict.check(encode_ccr(call), answered(cca, call))


def test_grant_at_the_end_is_refused() -> None:
    """A CCA-T grants nothing."""
    last = data(3, 1, mscc(10, None, ANY))
    with pytest.raises(strict.Refused, match="end of a session"):
        strict.check(encode_ccr(last), answered(CCA(2001, (GRANT,)), last))
