"""The CSV files: what is refused with its line, and what is read."""

from collections.abc import Callable, Mapping

import pytest

from ocs.rating.read_csv import read_destinations, read_networks, read_ported
from ocs.rating.read_value import Problem

Reader = Callable[[Mapping[str, str | None], list[Problem]], dict[str, str]]
PORTED_HEADER, NETWORKS_HEADER = "number,class\n", "network,zone,name\n"


@pytest.mark.parametrize(
    ("reader", "file", "text", "key", "expected"),
    [
        (read_ported, "ported.csv", "", "line 1", "the header number,class"),
        (read_ported, "ported.csv", "number;class\n1;a\n", "line 1", "the header number,class"),
        (read_ported, "ported.csv", PORTED_HEADER, "-", "at least one row"),
        (read_ported, "ported.csv", PORTED_HEADER + "+7701,a\n", "line 2", "number (digits),class"),
        (read_ported, "ported.csv", PORTED_HEADER + "7701,\n", "line 2", "number (digits),class"),
        (read_ported, "ported.csv", PORTED_HEADER + "7701,a,b\n", "line 2", "number (digits),class"),
        (read_ported, "ported.csv", PORTED_HEADER + "7701,a\n7701,b\n", "line 3",
         "number 7701 once"),
        (read_ported, "ported.csv", PORTED_HEADER + '7701,"a\n', "line 2", "CSV:"),
        (read_networks, "networks.csv", NETWORKS_HEADER + "2500,cis,\n", "line 2",
         "network (MCC or MCC-MNC, 3, 5 or 6 digits),zone,name"),
        (read_networks, "networks.csv", NETWORKS_HEADER + "250-01,cis,\n", "line 2", "3, 5 or 6"),
        (read_networks, "networks.csv", NETWORKS_HEADER + "25001,,MTS\n", "line 2", "3, 5 or 6"),
        (read_networks, "networks.csv", NETWORKS_HEADER + "٢٥٠,cis,\n", "line 2", "3, 5 or 6"),
    ],
)  # fmt: skip
def test_one_mistake_is_one_error(
    reader: Reader, file: str, text: str, key: str, expected: str
) -> None:
    """With the file, its line and what was expected."""
    problems: list[Problem] = []
    reader({file: text}, problems)
    assert [(each.file, each.key) for each in problems] == [(file, key)]
    assert expected in problems[0].expected


def test_only_destinations_must_be_there() -> None:
    """Ported numbers and zones of visited networks may be left out."""
    problems: list[Problem] = []
    assert read_ported({}, problems) == read_networks({}, problems) == {}
    assert problems == []
    assert read_destinations({}, problems) == {}
    assert problems == [Problem("destinations.csv", "-", "the file to be there")]


def test_what_could_not_be_read_is_reported_once() -> None:
    """A file without text has its problem already."""
    problems: list[Problem] = []
    for reader, name in ((read_destinations, "destinations.csv"), (read_ported, "ported.csv")):
        assert reader({name: None}, problems) == {}
    assert problems == []


def test_rows() -> None:
    """Cells without the blanks around them; empty lines are none."""
    problems: list[Problem] = []
    ported = read_ported(
        {"ported.csv": PORTED_HEADER + " 77012345678 , off-net \r\n\r\n"}, problems
    )
    assert ported == {"77012345678": "off-net"}
    networks = {
        "networks.csv": NETWORKS_HEADER + "250,cis,Russia\n25001,partners,MTS\n310410,far,\n"
    }
    expected = {"250": "cis", "25001": "partners", "310410": "far"}
    assert read_networks(networks, problems) == expected
    assert problems == []
