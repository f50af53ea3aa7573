"""Log lines: one JSON object an event, subscriber numbers masked.

What libraries log takes the same way. A line that cannot be written is dropped: a full disk or a closed
pipe must not end a request.
"""

import contextlib
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

#: MSISDN, IMSI, IMEI: any nine digits or more in a row, wherever they stand.
_NUMBER = re.compile(r"\+?\d{6,}(\d{3})")
#: What would move a terminal's cursor or forge a line.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def mask(text: str) -> str:
    """Text with the digits of subscriber numbers hidden, all but the last three."""
    return _NUMBER.sub(r"***\1", text)


def masked(value: object) -> object:
    """A value of an event, masked at every depth; what is neither number nor text becomes text."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        hidden = mask(str(value))
        return int(value) if hidden == str(value) else hidden
    if isinstance(value, Mapping):
        return {mask(str(key)): masked(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [masked(each) for each in value]
    if isinstance(value, bytes):
        return mask(value.decode(errors="backslashreplace"))
    return mask(value if isinstance(value, str) else repr(value))


def _masked(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    return {key: masked(value) for key, value in event.items()}


def _printable(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """For a terminal: control characters as escapes, all but the line feeds of a traceback."""

    def shown(value: str) -> str:
        return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], value)

    for key, value in event.items():
        if isinstance(value, str):
            lines = value.split("\n") if key == "exception" else [value]
            event[key] = "\n".join(map(shown, lines))
    return event


class _Lines(structlog.PrintLogger):
    """Prints, and drops what cannot be printed."""

    def msg(self, message: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # ValueError: the stream was closed
            super().msg(message)

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg


class _FromLibraries(logging.Handler):
    """What is logged with the standard library goes the same way."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(
            record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info
        )


def configure(level: str) -> None:
    """Log to standard error, JSON where no person looks."""
    stream = sys.stderr
    last: list[structlog.typing.Processor] = [structlog.processors.JSONRenderer()]
    if stream.isatty():
        plain = structlog.dev.plain_traceback
        last = [_printable, structlog.dev.ConsoleRenderer(exception_formatter=plain)]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _masked,
            *last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=lambda *_: _Lines(stream),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    kept = [each for each in root.handlers if not isinstance(each, _FromLibraries)]
    root.handlers = [*kept, _FromLibraries()]
