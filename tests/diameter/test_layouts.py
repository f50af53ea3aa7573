"""Messages laid out alike share a structure; what is laid out otherwise is examined for itself."""

import random

import pytest
from hypothesis import given, settings, strategies as st

from ocs.diameter.avp import octets, u32
from ocs.diameter.ccr import decode_ccr
from ocs.diameter.framing import ProtocolError
from ocs.diameter.structure import Layouts, Structure, examine
from tests.support.messages import plain_ccr


def outcome(examined: "Layouts | None", message: bytes) -> tuple[object, ...]:
    """What is found, or how it is refused."""
    try:
        found = examine(message) if examined is None else examined.examine(message)
    except ProtocolError as error:
        return error.result_code, error.message, error.failed_avp
    return found.top, found.groups, str(found.wrong_size)


def ccr(session_id: bytes = b"pgw1.example.net;1;2", number: int = 1) -> bytes:
    """A request with a group in it."""
    inner = u32(432, 10) + octets(446, octets(421, number.to_bytes(8, "big")))
    return plain_ccr(octets(456, inner), session_id=session_id, request_number=number)


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 3))
def test_a_changed_octet_is_never_taken_for_what_was_there(seed: int, changes: int) -> None:
    """Header of an AVP or value: the outcome is that of a walk over this very message."""
    dice = random.Random(seed)
    layouts = Layouts()
    message = bytearray(ccr())
    layouts.examine(bytes(message))
    for _ in range(changes):
        message[dice.randrange(20, len(message))] = dice.choice((0, 1, 12, 64, 128, 255, 8))
    for _ in range(2):
        assert outcome(layouts, bytes(message)) == outcome(None, bytes(message))


def test_values_are_this_messages_own() -> None:
    """The structure is shared, and nothing else."""
    first, second = ccr(number=1), ccr(b"pgw1.example.net;3;4", 7)
    layouts = Layouts()
    assert layouts.examine(first) is layouts.examine(second)
    for message, number in ((first, 1), (second, 7)):
        found = decode_ccr(message)
        assert (found.request_number, found.mscc[-1].usu[0].units.total_octets) == (number, number)


def test_a_value_of_a_wrong_size_is_refused_each_time() -> None:
    """With an exception of its own: one that is kept would grow with every raise."""
    message = plain_ccr(octets(278, b"12345"))
    errors = []
    for _ in range(2):
        with pytest.raises(ProtocolError) as caught:
            decode_ccr(message)
        errors.append(caught.value)
    assert errors[0] is not errors[1] and errors[0].result_code == 5014


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever varies its layouts without end is served as before, and gets the place only in turn."""
    monkeypatch.setattr(Layouts, "AT_MOST", 3)
    monkeypatch.setattr(Layouts, "RENEWED_AFTER", 8)
    layouts = Layouts()

    def is_kept(length: int) -> bool:
        message = ccr(bytes(b"a" * length))
        found: list[Structure] = [layouts.examine(message) for _ in range(2)]
        assert outcome(layouts, message) == outcome(None, message)
        return found[0] is found[1]

    kept = [is_kept(4 * length) for length in range(1, 9)]
    # The fourth finds no place; with the fifth, the eighth message unknown, all begins anew.
    assert kept == [True, True, True, False, False, True, True, False]


def test_messages_of_one_length_that_differ_are_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A few layouts of one length are kept, each more costs a comparison."""
    monkeypatch.setattr(Layouts, "ALIKE_AT_MOST", 2)
    layouts = Layouts()
    messages = [plain_ccr(u32(code, 1, 0)) for code in (70_000, 70_001, 70_002)]
    found = [layouts.examine(each) for each in messages]
    assert [layouts.examine(each) is one for each, one in zip(messages, found, strict=True)] == [
        True, True, False,
    ]  # fmt: skip
