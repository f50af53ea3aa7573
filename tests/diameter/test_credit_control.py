"""Units as values: what they add up to (RFC 8506, 8.17 to 8.19)."""

from ocs.diameter.credit_control import Units


def test_total_is_the_sum_where_it_is_absent() -> None:
    """And counts alone where it stands."""
    assert Units(input_octets=3, output_octets=4).octets == 7
    assert Units(input_octets=3).octets == 3
    assert Units(total_octets=5, input_octets=3, output_octets=4).octets == 5
    assert Units(time=1).octets is None
