"""The arithmetic of the comparison on known numbers, its tables, and who takes part in it."""

import json
from pathlib import Path

import pytest

from bench.compare_report import (
    ALONE,
    LOADED,
    SIGSCALE,
    Measured,
    Row,
    Spread,
    alone_cells,
    as_json,
    loaded_cells,
    markdown_table,
    picture,
    ratio,
    ratio_to_quoted,
    spread,
)
from bench.contenders import (
    PROFILES,
    UNKNOWN,
    BadContender,
    contenders,
    other_server,
    read_profile,
)


def measured(
    rate: float, server_cpu: float | None = 0.1, store_cpu: float | None = 0.02
) -> Measured:
    """One round."""
    return Measured(rate, 1.0, 4.0, server_cpu, store_cpu, 0.25, 0, "counted")


OURS = Row("ours", (), tuple(map(measured, (6000.0, 5000.0, 7000.0))), is_ours=True)
OTHER = Row("other", ("charging",), tuple(map(measured, (1000.0, 2500.0, 1400.0))))


def test_a_spread_is_least_median_most() -> None:
    """Of an even number of rounds the median lies between two."""
    assert spread([3.0, 1.0, 2.0]) == Spread(1, 2, 3)
    assert spread([4.0, 1.0]) == Spread(1, 2.5, 4)
    assert spread([7.0]) == Spread(7, 7, 7)


def test_ratios_are_taken_within_rounds() -> None:
    """6, 2 and 5: not the quotient of the medians, which is 4.3."""
    assert ratio(OURS, OTHER) == Spread(2, 5, 6)
    assert ratio(OURS, OURS) == Spread(1, 1, 1)


def test_rounds_that_do_not_belong_together_have_no_ratio() -> None:
    """A round that one of two servers lacks is an error, no smaller sample."""
    with pytest.raises(ValueError, match="argument 2"):
        ratio(OURS, Row("short", (), OTHER.rounds[:2]))


def test_the_quoted_server_is_compared_with_its_median() -> None:
    """Its rounds are not ours: only one figure can stand under the line."""
    found = ratio_to_quoted(OURS, SIGSCALE)
    assert found == Spread(5000 / 5919, 6000 / 5919, 7000 / 5919)


def test_the_table_under_load() -> None:
    """One line for each server, the quoted one last and marked."""
    cells = loaded_cells([OURS, OTHER], SIGSCALE)
    assert cells[0] == (
        "ours", "6,000 (5,000 to 7,000)", "1", "4", "0.1 + store 0.02", "25%", "", "nothing",
    )  # fmt: skip
    assert cells[1] == (
        "other", "1,400 (1,000 to 2,500)", "1", "4", "0.1 + store 0.02", "25%", "5 x (2 to 6)", "charging",
    )  # fmt: skip
    assert cells[2][:2] == ("SigScale OCS 3.4.72 (quoted)", "5,919 (4,210 to 6,976)")
    assert cells[2][4] == "0.26-0.36"
    assert {len(each) for each in cells} == {len(LOADED)}


def test_the_table_of_one_at_a_time() -> None:
    """Latency comes first there."""
    cells = alone_cells([OURS, OTHER], SIGSCALE)
    assert cells[1][:3] == ("other", "1", "4")
    assert cells[2][:2] == ("SigScale OCS 3.4.72 (quoted)", "0.32")
    assert {len(each) for each in cells} == {len(ALONE)}


def test_processor_time_of_other_machines_is_not_known() -> None:
    """A server by its address has none; one without a store has no second figure."""
    far = Row("far", (), (measured(10.0, None, None),) * 3)
    bare = Row("bare", (), (measured(10.0, 0.3, None),) * 3)
    cells = loaded_cells([OURS, far, bare], SIGSCALE)
    assert [each[4] for each in cells[1:3]] == ["-", "0.3"]


def test_markdown() -> None:
    """A table that a document shows as one."""
    assert markdown_table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_every_round_is_kept() -> None:
    """The file holds what each figure was made of."""
    kept = json.loads(json.dumps(as_json([OURS, OTHER])))
    assert [one["rate"] for one in kept[1]["rounds"]] == [1000, 2500, 1400]
    assert kept[1]["ratio_of_this_server"] == {"low": 2, "middle": 5, "high": 6}
    assert kept[1]["lacks"] == ["charging"]


def test_the_picture_names_everybody(tmp_path: Path) -> None:
    """The quoted server, too."""
    picture([OURS, OTHER], SIGSCALE, tmp_path / "a.svg", "Side by side")
    text = (tmp_path / "a.svg").read_text()
    for each in ("ours", "other", "5 x", "SigScale OCS 3.4.72 (quoted)"):
        assert each in text


# --- who takes part ---------------------------------------------------------------------------------


def test_one_is_ours_and_all_have_names() -> None:
    """The ratios need exactly one to compare with."""
    found = contenders(["bench.example"])
    assert [each.is_ours for each in found].count(True) == 1
    assert len({each.name for each in found}) == len(found) >= 5
    assert [each.name for each in found if not each.lacks] == ["this server, everything on"]


@pytest.mark.parametrize("path", sorted(PROFILES.glob("*.toml")), ids=lambda path: path.stem)
async def test_profiles_are_read(path: Path) -> None:
    """Each says where requests go and what the table must tell."""
    realm, lacks = read_profile(path)
    assert realm and lacks
    other = other_server(f"far=ocs.example:3868,profile={path}")
    async with other.start() as target:
        assert (target.host, target.port, target.realm) == ("ocs.example", 3868, realm)
    assert other.lacks == lacks and not other.is_ours


def test_a_server_without_a_profile_is_not_known() -> None:
    """Which the table then says."""
    assert other_server("far=[::1]:3868").lacks == read_profile(UNKNOWN)[1] == ("not known",)


@pytest.mark.parametrize(
    "given", ["", "far", "far=", "far=host", "far=host:", "far=host:x", "=h:1"]
)
def test_addresses_that_are_none(given: str) -> None:
    """The sentence says what was expected."""
    with pytest.raises(BadContender, match="expected name=host:port"):
        other_server(given)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lacks = []", "realm: expected the realm"),
        ('realm = "a"', 'lacks: expected a list of texts, such as ["records"'),
        ('realm = "a"\nlacks = [1]', "lacks: expected"),
        ('realm = "a"\nlacks = []\nlack = 1', "lack: no such key; there are realm and lacks"),
        ("realm", "profile.toml: "),
    ],
)
def test_profiles_that_are_none(text: str, said: str, tmp_path: Path) -> None:
    """The sentence names the file, the key and what was expected."""
    path = tmp_path / "profile.toml"
    path.write_text(text)
    with pytest.raises(BadContender) as caught:
        read_profile(path)
    assert said in str(caught.value)


def test_a_profile_that_is_not_there(tmp_path: Path) -> None:
    """The sentence names the file."""
    with pytest.raises(BadContender, match=r"gone\.toml"):
        read_profile(tmp_path / "gone.toml")
