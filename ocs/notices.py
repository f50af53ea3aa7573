"""What subscribers are told, in their language: texts of a folder, one TOML file for each language.

Each text names the values that it shows in braces. Loading finds every text that a language lacks and every
value that a notice does not have, so that nobody is sent half a sentence.

Exceptions:
    NoticeErrors   every problem of the texts
"""

import string
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from ocs.model import MAIN_MONEY, MICROS

#: Every kind of notice, and the values it has.
KINDS: dict[str, frozenset[str]] = {
    "topup": frozenset({"amount", "left"}),
    "fee": frozenset({"product", "amount", "due"}),
    "unpaid": frozenset({"product", "amount"}),
    "renewed": frozenset({"product", "amount", "due"}),
    "expires": frozenset({"product", "until"}),
    "ended": frozenset({"product"}),
    "advance": frozenset({"amount", "owed", "due"}),
    "recovered": frozenset({"owed"}),
    "debt": frozenset({"amount"}),
    "auto_topup": frozenset({"left"}),
    "one_way": frozenset({"until"}),
    "terminated": frozenset({"amount"}),
    "threshold": frozenset({"balance", "left"}),
    "threshold_units": frozenset({"balance", "left"}),
    "cut": frozenset(),
}
#: Values that are micros, and values that are moments.
AMOUNTS = frozenset({"amount", "owed", "left"})
MOMENTS = frozenset({"due", "until"})
#: Of a balance of units it is not money that is left.
THRESHOLD, UNITS_LEFT = "threshold", "threshold_units"


class NoticeErrors(Exception):
    """Every problem of the texts."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def plain_amount(micros: int) -> str:
    """Micros with two decimals, exactly where they have no more."""
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    whole, rest = divmod(micros, MICROS)
    return f"{sign}{whole}.{f'{rest:06d}'.rstrip('0').ljust(2, '0')}"


class Texts:
    """The texts of every language; `default` is the operator's."""

    def __init__(
        self,
        texts: Mapping[str, Mapping[str, str]],
        default: str,
        zone: tzinfo = UTC,
    ) -> None:
        self._texts = texts
        self._default = default
        self._zone = zone

    def text(self, kind: str, values: Mapping[str, str], language: str = "") -> str:
        """One notice as it is sent."""
        texts = self._texts.get(language) or self._texts[self._default]
        if kind == THRESHOLD and values.get("balance") != MAIN_MONEY:
            kind = UNITS_LEFT
        shown = {name: self._shown(kind, name, value) for name, value in values.items()}
        return texts[kind].format_map(shown)

    def _shown(self, kind: str, name: str, value: str) -> str:
        if name in AMOUNTS and kind != UNITS_LEFT:
            return plain_amount(int(value))
        if name in MOMENTS and int(value):
            moment = datetime.fromtimestamp(int(value) // 1000, self._zone)
            return f"{moment:%d.%m.%Y}"
        return value if name not in MOMENTS else "-"


def load(folder: Path, default: str, zone: tzinfo = UTC) -> Texts:
    """The texts of a folder: kk.toml, ru.toml, en.toml; NoticeErrors with all that is wrong."""
    problems: list[str] = []
    texts: dict[str, Mapping[str, str]] = {}
    for file in sorted(folder.glob("*.toml")):
        try:
            given = tomllib.loads(file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            problems.append(f"{file.name}: {error}")
            continue
        texts[file.stem] = {kind: text for kind, text in given.items() if isinstance(text, str)}
        problems += [f"{file.name}: {each}" for each in _problems(given)]
    if default not in texts:
        problems.append(f"{default}.toml: the texts of the operator's own language expected")
    if problems:
        raise NoticeErrors(problems)
    return Texts(texts, default, zone)


def _problems(given: Mapping[str, object]) -> list[str]:
    found = [f"{kind}: no such notice" for kind in sorted(given.keys() - KINDS.keys())]
    for kind, known in KINDS.items():
        text = given.get(kind)
        if not isinstance(text, str) or not text.strip():
            found.append(f"{kind}: a text expected")
            continue
        try:
            named = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
        except ValueError as error:
            found.append(f"{kind}: {error}")
            continue
        for name in sorted(named - known):
            found.append(f"{kind}: it has no value {{{name}}}")
    return found
