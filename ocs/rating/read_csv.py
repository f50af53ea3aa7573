"""Reading the CSV files of the catalogue: number prefixes, ported numbers, visited networks.

Each has a header line, and each key stands in it once. Every error is collected with its line.
"""

import csv
import io
from collections.abc import Callable, Mapping

from ocs.rating.read_value import Problem, is_digits

DESTINATIONS, PORTED, NETWORKS = TABLES = ("destinations.csv", "ported.csv", "networks.csv")
HEADERS = {
    DESTINATIONS: ["prefix", "class", "name"],
    PORTED: ["number", "class"],
    NETWORKS: ["network", "zone", "name"],
}
#: MCC alone, or MCC-MNC (TS 29.061, 16.4.7).
NETWORK_DIGITS = (3, 5, 6)


def read_destinations(files: Mapping[str, str | None], problems: list[Problem]) -> dict[str, str]:
    """Destination class by prefix; the file must be there."""
    if DESTINATIONS not in files:
        problems.append(Problem(DESTINATIONS, "-", "the file to be there"))
    return _rows(DESTINATIONS, files, is_digits, "prefix (digits),class,name", problems)


def read_ported(files: Mapping[str, str | None], problems: list[Problem]) -> dict[str, str]:
    """Destination class of each number that is not in the network its prefix says."""
    return _rows(PORTED, files, is_digits, "number (digits),class", problems)


def read_networks(files: Mapping[str, str | None], problems: list[Problem]) -> dict[str, str]:
    """Zone by MCC-MNC, or by MCC for all networks of a country that are not listed themselves."""

    def is_network(key: str) -> bool:
        return is_digits(key) and len(key) in NETWORK_DIGITS

    expected = "network (MCC or MCC-MNC, 3, 5 or 6 digits),zone,name"
    return _rows(NETWORKS, files, is_network, expected, problems)


def _rows(
    name: str,
    files: Mapping[str, str | None],
    is_key: Callable[[str], bool],
    expected: str,
    problems: list[Problem],
) -> dict[str, str]:
    """The second column by the first."""
    text = files.get(name)
    if text is None:
        return {}
    header = HEADERS[name]
    rows: dict[str, str] = {}
    before = len(problems)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        if [cell.strip() for cell in next(reader, [])] != header:
            problems.append(Problem(name, "line 1", f"the header {','.join(header)}"))
            return {}
        for row in reader:
            if not row:
                continue
            where = f"line {reader.line_num}"
            key, value = [*(cell.strip() for cell in row), "", ""][:2]
            if len(row) != len(header) or not is_key(key) or not value:
                problems.append(Problem(name, where, expected))
            elif key in rows:
                problems.append(Problem(name, where, f"{header[0]} {key} once"))
            else:
                rows[key] = value
    except csv.Error as error:
        problems.append(Problem(name, f"line {reader.line_num}", f"CSV: {error}"))
    if not rows and len(problems) == before:
        problems.append(Problem(name, "-", "at least one row below the header"))
    return rows
