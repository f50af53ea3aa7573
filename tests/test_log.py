"""Log lines: no number comes out in clear, one event is one line, a lost line disturbs nobody."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import redirect_stderr
from typing import Any

import pytest
import structlog

from ocs.log import configure, mask

MSISDN = "77010000001"
IMSI = "401010000001234"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where this test logs to; how the others log is put back."""
    root = logging.getLogger()
    handlers = root.handlers
    yield io.StringIO()
    structlog.reset_defaults()
    root.handlers = handlers


@pytest.fixture
def terminal(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Standard error that a person looks at."""
    monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    return stream


def start(stream: io.StringIO, level: str = "info") -> None:
    """Log to this stream as if it were standard error."""
    with redirect_stderr(stream):
        configure(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """What was logged: each line must be JSON."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(
    "value",
    [
        MSISDN,
        "+" + MSISDN,
        IMSI,
        "35" + IMSI,
        f"no subscriber has {MSISDN}.",
        f"sip:+{MSISDN}@ims.example",
        f"imsi{IMSI}",
        f"msisdn_{MSISDN}",
        f"{IMSI}.pgw.example",
        f"0{IMSI}@wlan.mnc001.mcc401.3gppnetwork.org",
        f"{{p001}}:id:e164:{MSISDN}",
        MSISDN.encode(),
        f"\xff{MSISDN}".encode("latin-1"),
        int(MSISDN),
        [MSISDN],
        (int(IMSI), {MSISDN}),
        {"deep": [{"deeper": {"imsi": IMSI}}]},
        {MSISDN: 1},
        ValueError(MSISDN),
        {"error": KeyError(f"no {IMSI}")},
    ],
    ids=repr,
)
def test_numbers_do_not_come_out(stream: io.StringIO, value: object) -> None:
    """At any depth, in any type, as value or key: only the last three digits are shown."""
    start(stream)
    structlog.get_logger().warning("event", value=value, message=f"of {MSISDN}")
    text = stream.getvalue()
    assert MSISDN not in text and IMSI not in text
    assert MSISDN[:-3] not in text and IMSI[:-3] not in text
    (line,) = lines(stream)
    assert line["message"] == "of ***001"
    assert "***001" in json.dumps(line["value"]) or "***234" in json.dumps(line["value"])


def test_a_session_id_is_masked(stream: io.StringIO) -> None:
    """A Session-Id may carry a number; the rest of it still tells which one it is."""
    start(stream)
    structlog.get_logger().info("session", session=f"pgw1.example;17;{IMSI};9".encode())
    assert lines(stream)[0]["session"] == "pgw1.example;17;***234;9"


def test_exceptions_are_masked(stream: io.StringIO) -> None:
    """A traceback is a value like the others, and stays in its line."""
    start(stream)
    try:
        raise LookupError(f"no account of {MSISDN}\nfor {IMSI}")
    except LookupError:
        structlog.get_logger().exception("failed")
    (line,) = lines(stream)
    assert "LookupError: no account of ***001\nfor ***234" in line["exception"]
    assert "Traceback" in line["exception"]


@pytest.mark.parametrize(
    "value", ["12345678", 12345678, 0, True, None, 1.5, "10.20.30.40", "pgw1.example;1;2", "3868"]
)
def test_other_values_stay(stream: io.StringIO, value: object) -> None:
    """Ports, addresses and counts are shown as they are."""
    start(stream)
    structlog.get_logger().info("event", value=value)
    assert lines(stream)[0]["value"] == value


def test_time_stays(stream: io.StringIO) -> None:
    """The moment of a line is no number of a subscriber."""
    start(stream)
    structlog.get_logger().info("event")
    stamp = lines(stream)[0]["timestamp"]
    assert len(stamp) == len("2026-01-01T00:00:00.000000Z") and mask(stamp) == stamp


HOSTILE = 'a\r\n{"event": "forged"}\x1b[2J\x00\u2028\x85"b'


def test_one_event_one_line(stream: io.StringIO) -> None:
    """Text of a peer can neither forge a line nor move a terminal's cursor."""
    start(stream)
    structlog.get_logger().warning("event", peer=HOSTILE, more=[HOSTILE.encode()])
    text = stream.getvalue()
    assert text.isascii() and text.count("\n") == 1 and text.endswith("\n")
    assert not any(ord(char) < 32 for char in text[:-1])
    assert lines(stream)[0]["peer"] == HOSTILE


def test_terminal(terminal: io.StringIO) -> None:
    """A person gets readable lines with the same promises."""
    start(terminal)
    log = structlog.get_logger()
    log.warning(f"event {HOSTILE}", peer=HOSTILE, number=MSISDN, many=[HOSTILE])
    plain = terminal.getvalue()
    assert plain.count("\n") == 1 and "\x1b[2J" not in plain and "\x00" not in plain
    assert MSISDN not in plain and "***001" in plain
    try:
        raise ValueError(f"{MSISDN} {HOSTILE}")
    except ValueError:
        log.exception("failed")
    traced = terminal.getvalue().removeprefix(plain)
    assert "Traceback" in traced and "ValueError: ***001 a" in traced
    assert "\x1b[2J" not in traced and MSISDN not in traced


def test_level(stream: io.StringIO) -> None:
    """What is below the level is not written."""
    start(stream, "warning")
    log = structlog.get_logger()
    log.info("quiet")
    log.warning("loud")
    assert [(each["event"], each["level"]) for each in lines(stream)] == [("loud", "warning")]


def test_libraries_log_the_same_way(stream: io.StringIO) -> None:
    """asyncio and others use the standard library: masked, one line, once however often it is set up."""
    start(stream)
    start(stream)
    try:
        raise ValueError(MSISDN)
    except ValueError:
        logging.getLogger("asyncio").exception("task of %s failed", MSISDN)
    (line,) = lines(stream)
    assert (line["event"], line["logger"], line["level"]) == (
        "task of ***001 failed",
        "asyncio",
        "error",
    )
    assert "ValueError: ***001" in line["exception"]


class Full(io.StringIO):
    """A disk without room."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("is_closed", [False, True])
def test_a_line_that_cannot_be_written(stream: io.StringIO, is_closed: bool) -> None:
    """A full disk or a closed stream loses the line, and the caller goes on."""
    lost = Full()
    start(lost)
    if is_closed:
        lost.close()
    structlog.get_logger().error("lost")
    start(stream)
    structlog.get_logger().error("kept")
    assert [each["event"] for each in lines(stream)] == ["kept"]
