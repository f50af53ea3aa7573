"""Numbers as dialled, as written and as signalled, made comparable."""

import pytest
from hypothesis import given, strategies as st

from ocs.rating.numbers import Numbering, bare, normalise

HOME = Numbering()


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "+", "++77010000001", "tel:", "sip:", "sip:@example.net", "tel:+", "abc", "alice",
        "sip:alice@example.net", "sip:alice7@example.net", "*100#", "tel:*100#", "7701000000A",
        "urn:service:sos", "sip:10.0.0.1", "sips:192.0.2.10;transport=tcp", "sip:example.net",
        "٧٧٠١٠٠٠٠٠٠١", "７７０１００００００１", "7701000000²", "-", "()", "77010000001,77010000002",
        "+123", "+112", "8107701", "0000112",
    ],
)  # fmt: skip
def test_no_number(text: str) -> None:
    """Names, codes with * and #, hosts, digits of other scripts, and remains too short to be a number."""
    assert normalise(text, HOME) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # One subscriber in every way of writing.
        ("77010000001", "77010000001"),
        ("+77010000001", "77010000001"),
        ("87010000001", "77010000001"),
        ("7010000001", "77010000001"),
        ("0077010000001", "77010000001"),
        ("81077010000001", "77010000001"),
        (" +7 (701) 000-00-01 ", "77010000001"),
        ("8.701.000.00.01", "77010000001"),
        # URIs (RFC 3966; RFC 3261, 19.1.1).
        ("tel:+77010000001", "77010000001"),
        ("TEL:+7-701-000-0001", "77010000001"),
        ("tel:87010000001;phone-context=+7", "77010000001"),
        ("tel:+77010000001;npdi;rn=+77000000000", "77010000001"),
        ("sip:+77010000001@example.net", "77010000001"),
        ("sip:+77010000001@10.0.0.1:5060;user=phone", "77010000001"),
        ("sip:+77010000001;npdi@example.net;user=phone", "77010000001"),
        ("sip:+7.701.000.0001@example.net", "77010000001"),
        ("SIPS:87010000001@example.net", "77010000001"),
        ("sip:+77010000001", "77010000001"),
        # Kazakhstan and Russia share country code 7.
        ("+79161234567", "79161234567"),
        ("79161234567", "79161234567"),
        ("89161234567", "79161234567"),
        # Abroad: 00 and 8~10, the latter before the trunk prefix 8.
        ("+4930123456", "4930123456"),
        ("004930123456", "4930123456"),
        ("8104930123456", "4930123456"),
        ("8~10 49 30 123456".replace("~", ""), "4930123456"),
        ("81029012345", "29012345"),  # 11 digits, as many as 8 701 ...
        ("+810 312345678", "810312345678"),  # behind a + nothing is dialled
        ("+87010000001", "87010000001"),  # country code 870, no trunk prefix
        # As many digits as no home number has: taken as international.
        ("4930123456789", "4930123456789"),
        ("8701000000", "78701000000"),  # ten digits are a national number, whatever they begin with
        # Short numbers, as dialled.
        ("112", "112"),
        ("1", "1"),
        ("3030", "3030"),
        ("tel:112", "112"),
        ("sip:112@example.net", "112"),
        ("000000", "000000"),
        ("810112", "810112"),
        ("8-10-11", "81011"),
        ("8010000", "8010000"),  # seven digits: no short number, no national one
    ],
)
def test_number(text: str, expected: str) -> None:
    """What a network writes in its own way names the same subscriber or service."""
    assert normalise(text, HOME) == expected


@pytest.mark.parametrize(
    ("numbering", "text", "expected"),
    [
        # No trunk prefix: nothing is taken off.
        (Numbering("34", "", 9, ("00",)), "912345678", "34912345678"),
        (Numbering("34", "", 9, ("00",)), "9123456789", "9123456789"),
        # A trunk prefix of two digits is taken off whole.
        (Numbering("36", "06", 9, ("00",)), "06301234567", "36301234567"),
        (Numbering("36", "06", 9, ("00",)), "301234567", "36301234567"),
        # The trunk prefix is the country code.
        (Numbering("1", "1", 10, ("011",)), "12125551234", "12125551234"),
        (Numbering("1", "1", 10, ("011",)), "2125551234", "12125551234"),
        (Numbering("1", "1", 10, ("011",)), "0114930123456", "4930123456"),
        # No prefix to dial abroad.
        (Numbering("7", "8", 10, ()), "0077010000001", "0077010000001"),
    ],
)
def test_other_numbering_plans(numbering: Numbering, text: str, expected: str) -> None:
    """The plan is data: trunk prefixes of no, one and two digits, other prefixes to dial abroad."""
    assert normalise(text, numbering) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alice@example.net", "alice"),
        ("sip:Alice@example.net;user=ip", "Alice"),
        ("sip:10.0.0.1", ""),
        ("sip:+7.701@10.0.0.1", "+7701"),
        ("tel:+7 (701) 000", "+7701000"),
    ],
)
def test_bare(text: str, expected: str) -> None:
    """Scheme, host, parameters and separators are taken off; a host alone leaves nothing."""
    assert bare(text) == expected


@given(st.one_of(st.text(max_size=40), st.from_regex(r"(tel:|sip:)?\+?[0-9 .()-]{0,20}(;.*)?")))
def test_any_text_is_digits_or_nothing(text: str) -> None:
    """Whatever arrives, the result is ASCII digits or empty."""
    number = normalise(text, HOME)
    assert not number or (number.isascii() and number.isdigit())


@given(st.from_regex(r"[1-9][0-9]{6,14}", fullmatch=True))
def test_a_normalised_number_is_kept(number: str) -> None:
    """A number in international form, written with +, comes out as its digits, and stays so."""
    assert normalise("+" + number, HOME) == number
    assert normalise("tel:+" + number, HOME) == number
    assert normalise("+" + normalise("+" + number, HOME), HOME) == number
