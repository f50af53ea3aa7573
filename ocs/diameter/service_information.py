"""What charging reads of Service-Information (TS 32.299, 7.2): where, who with, how many.

Nothing in it is insisted upon. Releases, dictionaries and vendors differ in what stands here and in
its types, so a value of another size or without text in it is passed over, as if it were absent.
"""

from collections.abc import Callable
from ipaddress import IPv6Address

from ocs.diameter.avp import Found
from ocs.diameter.credit_control import CCR, TERMINATION_REQUEST, UPDATE_REQUEST
from ocs.diameter.dictionary import TGPP
from ocs.diameter.structure import Groups


def _text(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _number(data: bytes) -> int | None:
    return int.from_bytes(data, "big") if len(data) == 4 else None


def _rat_type(data: bytes) -> int | None:
    """One octet (TS 29.061, 16.4.7); some clients write it as a number of four."""
    return int.from_bytes(data, "big") if len(data) in (1, 4) else None


def _octets(data: bytes) -> bytes:
    return data


def _address(data: bytes) -> str | None:
    """An Address of IPv4 or IPv6 (RFC 6733, 4.3.1), also without its family."""
    size = len(data)
    if size == 4 or (size == 6 and data.startswith(b"\0\1")):
        return f"{data[-4]}.{data[-3]}.{data[-2]}.{data[-1]}"
    if size == 16 or (size == 18 and data.startswith(b"\0\2")):
        return str(IPv6Address(data[-16:]))
    return None


#: Values of 3GPP in PS-Information: where each goes, and how it is read.
_PS: dict[int, tuple[str, Callable[[bytes], object]]] = {
    2: ("charging_id", _number),
    18: ("serving_plmn", _text),
    21: ("rat_type", _rat_type),
    22: ("user_location", _octets),
    847: ("ggsn_address", _address),
    1228: ("sgsn_address", _address),
}


def read_service_information(
    message: bytes, groups: Groups, found: Found, ccr: CCR
) -> list[tuple[int, str]]:
    """Write what is in `found` into `ccr`; the identities in it, which count where no others are."""
    return _Reader(message, groups, ccr).read(found)


class _Reader:
    """Reads one Service-Information; one method for each group in it."""

    def __init__(self, message: bytes, groups: Groups, ccr: CCR) -> None:
        self._message = message
        self._groups = groups
        self._ccr = ccr
        self._ids: list[tuple[int, str]] = []

    def read(self, found: Found) -> list[tuple[int, str]]:
        for each in self._groups.get(found[3], ()):
            code, vendor = each[0], each[1]
            if code == 443 and vendor == 0:
                self._subscription(each)
            elif vendor != TGPP:
                continue
            elif code == 874:
                self._ps_information(each)
            elif code in (876, 3410):  # IMS-, VCS-Information
                self._call_information(each)
            elif code == 2000:
                self._sms_information(each)
            elif code == 877:
                self._mms_information(each)
            elif code == 841 and self._ccr.ims_charging_id is None:
                self._ccr.ims_charging_id = self._text(each)
        return self._ids

    def _members(self, found: Found) -> list[Found]:
        """The members of 3GPP."""
        return [each for each in self._groups.get(found[3], ()) if each[1] == TGPP]

    def _data(self, found: Found) -> bytes:
        return self._message[found[3] : found[4]]

    def _text(self, found: Found) -> str | None:
        return _text(self._data(found))

    def _subscription(self, found: Found) -> None:
        kind, data = None, None
        for each in self._groups.get(found[3], ()):
            if each[:2] == (450, 0) and kind is None:
                kind = _number(self._data(each))
            elif each[:2] == (444, 0) and data is None:
                data = self._text(each)
        if kind is not None and data is not None:
            self._ids.append((kind, data))

    def _ps_information(self, found: Found) -> None:
        ccr, message = self._ccr, self._message
        if ccr.request_type in (UPDATE_REQUEST, TERMINATION_REQUEST):
            return  # what a bearer is rated by was said when its session began
        for code, vendor, _, start, stop, _ in self._groups.get(found[3], ()):
            if vendor == TGPP:
                field = _PS.get(code)
                if field is not None:
                    value = field[1](message[start:stop])
                    if value is not None:
                        setattr(ccr, field[0], value)
            elif code == 30 and not vendor:
                apn = _text(message[start:stop])
                ccr.apn = ccr.apn if apn is None else apn

    def _call_information(self, found: Found) -> None:
        ccr = self._ccr
        called, asked, reference = None, None, None
        for each in self._members(found):
            code = each[0]
            if code == 831:
                calling = self._text(each)
                ccr.calling += () if calling is None else (calling,)
            elif code == 832:
                called = called or self._text(each)
            elif code == 1251:
                asked = asked or self._text(each)
            elif code == 829:
                role = _number(self._data(each))
                ccr.role_of_node = ccr.role_of_node if role is None else role
            elif code == 841:
                ccr.ims_charging_id = self._text(each) or ccr.ims_charging_id
            elif code == 3418:
                reference = self._data(each).hex()
        ccr.called = called or ccr.called or asked
        # Network-Call-Reference-Number: octets of the switch, in circuit-switched calls.
        ccr.ims_charging_id = ccr.ims_charging_id or reference

    def _sms_information(self, found: Found) -> None:
        ccr = self._ccr
        received = None
        for each in self._members(found):
            code = each[0]
            if code == 2026:
                for member in self._members(each):
                    if member[0] == 1201:
                        self._recipient(member)
            elif code == 886:
                ccr.originator = self._address_data(each) or ccr.originator
            elif code == 2027:
                received = self._address_data(each)
            elif code == 2019:
                messages = _number(self._data(each))
                ccr.messages = ccr.messages if messages is None else messages
        # As it came in, before any translation.
        ccr.originator = ccr.originator or received

    def _mms_information(self, found: Found) -> None:
        for each in self._members(found):
            code = each[0]
            if code == 1201:
                self._recipient(each)
            elif code == 886:
                self._ccr.originator = self._address_data(each) or self._ccr.originator
            elif code == 1213:
                for member in self._members(each):
                    if member[0] == 1214:
                        self._ccr.message_class = _number(self._data(member))

    def _recipient(self, found: Found) -> None:
        recipient = self._address_data(found)
        if recipient is not None:
            self._ccr.recipients += (recipient,)

    def _address_data(self, found: Found) -> str | None:
        for each in self._members(found):
            if each[0] == 897:
                return self._text(each)
        return None
