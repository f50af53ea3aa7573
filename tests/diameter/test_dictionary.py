"""The dictionary knows what clients send, with the sizes of the standards, not of the library."""

import pytest
from diameter.message.avp.dictionary import AVP_DICTIONARY

from ocs.diameter.dictionary import NAMES, TGPP, TYPES, AvpType

#: By type and vendor, from RFC 6733, 4.5 and 9.3; RFC 8506, 8; TS 32.299, 7.2; TS 29.061, 16.4.7.
CODES = {
    (AvpType.UTF8, 0): "1 11 30 263 269 281 424 435 444 461 660 661 662 663 664 667 668",
    (AvpType.FOUR, 0): (
        "55 258 259 261 262 265 266 267 268 273 278 285 295 298 299 301 415 416 418 420 422 425 426 "
        "427 428 429 432 433 436 439 441 448 449 450 451 452 453 454 455 459 480 485"
    ),
    (AvpType.EIGHT, 0): "412 414 417 419 421 447",
    (AvpType.GROUPED, 0): (
        "260 279 284 297 413 423 430 431 434 437 440 443 445 446 456 457 458 509 621 623 653 659 "
        "665 669"
    ),
    (AvpType.ADDRESS, 0): "257 666",
    (AvpType.FOUR, TGPP): (
        "3 829 861 862 868 869 870 871 872 881 899 1214 1226 1247 1258 1265 1268 1271 2007 2011 2012 2016 "
        "2019 2020 2037 2039 2041 2042 2047 2050 2051 2055 2309 2606 2812 3408 3409 4407"
    ),
    (AvpType.UTF8, TGPP): (
        "5 8 9 12 13 18 824 825 830 831 832 836 837 839 840 841 842 852 853 855 856 897 1004 1250 "
        "1251 1280 2023 2024 2064"
    ),
    (AvpType.GROUPED, TGPP): (
        "823 833 838 843 850 851 865 873 874 876 877 878 879 880 886 898 1016 1201 1213 1249 1256 1264 "
        "1266 1270 1276 2000 2002 2009 2021 2026 2027 2030 2054 2319 2822 3410 3904 3926"
    ),
    (AvpType.ADDRESS, TGPP): "846 847 848 1227 1228 2067 3425 3903",
    (AvpType.OCTETS, TGPP): "10 21 22 23 854 2013 2014 2015 2022 3418",
}
EXPECTED = [
    (int(code), vendor, kind) for (kind, vendor), codes in CODES.items() for code in codes.split()
]
#: DiameterIdentity, DiameterURI, IPFilterRule and opaque octets: any size, whatever their class.
ANY_SIZE = (25, 33, 50, 264, 280, 282, 283, 292, 293, 294, 296, 411, 438, 442, 460)


@pytest.mark.parametrize(("code", "vendor", "kind"), EXPECTED)
def test_what_charging_sends_has_its_type(code: int, vendor: int, kind: AvpType) -> None:
    """A wrong size here refuses good requests or makes a Failed-AVP that no peer can read."""
    assert TYPES[code, vendor] is kind


@pytest.mark.parametrize(
    ("code", "vendor"),
    # 3GPP-Charging-Id and 3GPP-Session-Stop-Indicator: dictionaries differ in their types.
    [*((code, 0) for code in ANY_SIZE), (2, TGPP), (11, TGPP)],
)
def test_octets_and_identities_have_no_size(code: int, vendor: int) -> None:
    """Their length is the peer's business."""
    assert TYPES[code, vendor].size == 0
    assert TYPES[code, vendor] is not AvpType.GROUPED


def test_a_size_is_exact_or_none() -> None:
    """What an example in a Failed-AVP is filled up to (RFC 6733, 7.5)."""
    sizes = {kind: kind.size for kind in AvpType}
    assert sizes.pop(AvpType.FOUR) == 4
    assert sizes.pop(AvpType.EIGHT) == 8
    assert set(sizes.values()) == {0}


def test_the_subscription_id_extension_is_known() -> None:
    """RFC 8506, 12.3: the group and its five members, which the library lacks."""
    assert NAMES[659, 0] == "Subscription-Id-Extension"
    assert [NAMES[code, 0] for code in range(660, 665)] == [
        "Subscription-Id-E164",
        "Subscription-Id-IMSI",
        "Subscription-Id-SIP-URI",
        "Subscription-Id-NAI",
        "Subscription-Id-Private",
    ]
    # When the library has them, our own lines can go.
    assert not set(range(659, 665)) & set(AVP_DICTIONARY)


def test_a_code_is_known_with_its_vendor_only() -> None:
    """Rating-Group is vendor 0, Volume-Quota-Threshold is 3GPP; code 30 is Called-Station-Id."""
    assert (432, TGPP) not in TYPES
    assert (869, 0) not in TYPES
    assert NAMES[30, 0] == "Called-Station-Id"
    assert (99_999, 0) not in TYPES


def test_types_and_names_cover_the_same_codes() -> None:
    """A known AVP has a name, and no name is empty."""
    assert set(TYPES) == set(NAMES)
    assert all(NAMES.values())
