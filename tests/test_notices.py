"""What subscribers are told: the texts that ship, and every way in which texts can be wrong."""

from datetime import timedelta, timezone
from pathlib import Path

import pytest

from ocs.notices import KINDS, NoticeErrors, load

FOLDER = Path(__file__).parents[1] / "config" / "notices"
LANGUAGES = ("kk", "ru", "en")
FIVE = timezone(timedelta(hours=5))
VALUES = {
    "amount": "100000000",
    "left": "1500000",
    "owed": "250000000",
    "due": "1551657600000",  # 4 March 2019, 00:00 UTC
    "until": "1551657600000",
    "product": "Internet 5",
    "balance": "7.volume",
}


def write(folder: Path, language: str, **changes: str | None) -> None:
    """A file with a text for every kind, but for the changes."""
    texts = {kind: kind.replace("_", " ") for kind in KINDS} | changes
    lines = [f'{kind} = "{text}"' for kind, text in texts.items() if text is not None]
    (folder / f"{language}.toml").write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"fee": None}, "en.toml: fee: a text expected"),
        ({"fee": " "}, "en.toml: fee: a text expected"),
        ({"feee": "x"}, "en.toml: feee: no such notice"),
        ({"fee": "{amuont}"}, "en.toml: fee: it has no value {amuont}"),
        ({"topup": "{product}"}, "en.toml: topup: it has no value {product}"),
        ({"fee": "{amount"}, "en.toml: fee: expected '}' before end of string"),
    ],
)
def test_a_text_that_says_less_or_asks_for_more_is_refused(
    tmp_path: Path, changes: dict[str, str | None], problem: str
) -> None:
    """Before it is sent to anybody."""
    write(tmp_path, "en", **changes)
    with pytest.raises(NoticeErrors) as found:
        load(tmp_path, "en")
    assert found.value.problems == [problem]


def test_all_problems_of_all_files_come_in_one_run(tmp_path: Path) -> None:
    """A file that is no TOML, a text that is missing, the operator's language that is."""
    (tmp_path / "kk.toml").write_text("topup = ", encoding="utf-8")
    write(tmp_path, "ru", cut=None)
    with pytest.raises(NoticeErrors) as found:
        load(tmp_path, "en")
    assert [each.partition(":")[0] for each in found.value.problems] == [
        "kk.toml",
        "ru.toml",
        "en.toml",
    ]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_text_that_ships_can_be_said(kind: str, language: str) -> None:
    """In each language, with values like real ones, no brace left over; and each in its own words."""
    texts = load(FOLDER, "en")
    said = texts.text(kind, VALUES | {"balance": "main"}, language)
    assert said and "{" not in said and "}" not in said
    others = {texts.text(kind, VALUES, each) for each in LANGUAGES}
    assert len(others) == len(LANGUAGES)


def test_amounts_and_days_are_shown_as_people_write_them() -> None:
    """100.00 and 1.50; a day of the operator's zone."""
    texts = load(FOLDER, "en", zone=FIVE)
    assert texts.text("topup", VALUES) == ("Your account was topped up by 100.00. Balance: 1.50.")
    assert texts.text("expires", VALUES) == "Internet 5 ends on 04.03.2019."
    before = VALUES | {"until": str(1551657600000 - 5 * 3_600_000 - 1)}
    assert texts.text("expires", before) == "Internet 5 ends on 03.03.2019."


def test_a_moment_that_is_none_is_a_dash() -> None:
    """An advance without a day is owed from top-ups alone."""
    said = load(FOLDER, "en").text("advance", VALUES | {"due": "0"})
    assert said.endswith("or on -.")


def test_of_a_balance_of_units_units_are_left() -> None:
    """1,500,000 octets are not 1.50."""
    texts = load(FOLDER, "en")
    assert texts.text("threshold", VALUES) == "1500000 is left of 7.volume."
    assert texts.text("threshold", VALUES | {"balance": "main"}) == "1.50 is left on your account."


def test_another_language_gets_the_operators() -> None:
    """Also who has none."""
    texts = load(FOLDER, "ru")
    russian = texts.text("cut", {}, "ru")
    assert texts.text("cut", {}, "de") == texts.text("cut", {}) == russian


@pytest.mark.parametrize(
    ("micros", "shown"),
    [(0, "0.00"), (-1_500_000, "-1.50"), (6_840_000, "6.84"), (1, "0.000001"), (10**9, "1000.00")],
)
def test_an_amount_is_never_rounded(micros: int, shown: str) -> None:
    """Two decimals, or as many as it has."""
    texts = load(FOLDER, "en")
    assert texts.text("debt", {"amount": str(micros)}).startswith(f"You owe {shown} ")
