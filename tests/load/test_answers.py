"""What the generator reads of answers: the same as a full decoder, also the second time."""

from ocs.diameter.cca import encode_cca
from ocs.diameter.ccr import decode_ccr
from ocs.diameter.credit_control import CCA, FinalUnit, MSCCAnswer, Units
from ocs.load.answers import Granted, Reader, Seen, read
from ocs.load.templates import UPDATE, Sender, template

SENDER = Sender("load-0.load.example", "load.example", "ocs.example", "0badf00d")
SERVICES = (
    MSCCAnswer(10, (), 2001, gsu=Units(total_octets=10 << 20), validity_seconds=3600),
    MSCCAnswer(20, (), 2001, gsu=Units(time=60), final_unit=FinalUnit()),
    MSCCAnswer(30, (), 4012),
)


def answer(name: bytes, code: int = 2001) -> bytes:
    """The server's answer to an update of the session with this name."""
    filled = template(SENDER, "data", UPDATE).fill(1, 1, name, 1, 0, b"999000000000", (5,))
    return encode_cca(decode_ccr(bytes(filled)), CCA(code, SERVICES), "ocs1", "ocs.example")


def test_result_grants_and_final_units_are_read() -> None:
    """Of each service."""
    assert read(answer(b"00000001")) == Seen(
        2001,
        (
            Granted(10, 2001, 10 << 20, False),
            Granted(20, 2001, 60, True),
            Granted(30, 4012, 0, False),
        ),
    )


def test_two_sessions_answers_are_one_memory() -> None:
    """What differs is the Session-Id alone; another result is another answer."""
    reader = Reader()
    first, rest = reader.read(answer(b"00000001"))
    again, same = reader.read(answer(b"00000002"))
    assert again is first and same == rest
    other, different = reader.read(answer(b"00000001", 4012))
    assert other.code == 4012 and different != rest


def test_an_answer_without_session_id_is_read_too() -> None:
    """As other servers may send it."""
    message = answer(b"00000001")
    size = 8 + len("load-0.load.example;0badf00d;00000001") + 3 & ~3
    bare = message[:20] + message[20 + size :]
    assert Reader().read(bare)[0] == read(message)
