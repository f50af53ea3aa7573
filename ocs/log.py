"""Log lines: one JSON object an event, subscriber numbers masked."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

#: MSISDN and IMSI: 9 to 15 digits that are not part of a longer word or number.
_NUMBER = re.compile(r"(?<![\w.])\+?\d{6,12}(\d{3})(?![\w.])")


def mask(text: str) -> str:
    """Text with the digits of subscriber numbers hidden, all but the last three."""
    return _NUMBER.sub(r"***\1", text)


def _masked(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str) and key != "timestamp":
            event[key] = mask(value)
    return event


def configure(level: str) -> None:
    """Log to standard error, JSON where no person looks."""
    is_person = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if is_person else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _masked,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
