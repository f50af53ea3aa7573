"""How commands show things: tables for people, JSON with --json. Values in, text out, no decisions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ocs.amounts import format_amount
from ocs.books import Balance, LedgerEntry, OpenSession, PostOutcome, PostStatus
from ocs.diameter.decode import Node
from ocs.model import Bucket, IdentityKind, Product, Subscriber

#: Longer than any line of ours.
LINE_MAX = 10_000
#: As catalogues write them: "1 GB".
SIZES = ((1024**3, "GB"), (1024**2, "MB"), (1024, "KB"))

out = Console()
err = Console(stderr=True)


class Finding(Protocol):
    """One error of a file, with what was expected."""

    @property
    def file(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def expected(self) -> str: ...


class Findings(Protocol):
    """All errors of one run."""

    @property
    def errors(self) -> Sequence[Finding]: ...


def _json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False))


def show(table: Table) -> None:
    """A table in full: an amount or a Session-Id must not be cut where the terminal or pipe is narrow."""
    needed = out.measure(table, options=out.options.update(max_width=LINE_MAX)).maximum
    Console(width=max(needed, out.width)).print(table)


def when(millis: int) -> str:
    """A moment as RFC 3339 in UTC, with milliseconds."""
    moment = datetime.fromtimestamp(millis // 1000, UTC).replace(microsecond=millis % 1000 * 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def session_text(session_id: bytes) -> str:
    """A Session-Id as one printable word: text where it is text, `0x` hex elsewhere."""
    try:
        text = session_id.decode("ascii")
    except UnicodeDecodeError:
        return "0x" + session_id.hex()
    is_plain = text.isprintable() and " " not in text and not text.startswith("0x")
    return text if is_plain else "0x" + session_id.hex()


def session_id(text: str) -> bytes:
    """The Session-Id that `session_text` showed; ValueError where it showed no such thing."""
    if text.startswith("0x"):
        return bytes.fromhex(text[2:])
    return text.encode(errors="surrogateescape")  # as the command line gave it


def refusal(sentence: str) -> None:
    """Why nothing was done, on standard error."""
    err.print(f"[bold red]refused[/] {escape(sentence)}", highlight=False, soft_wrap=True)


def done(sentence: str, as_json: bool) -> None:
    """What was done."""
    if as_json:
        _json({"done": sentence})
    else:
        out.print(escape(sentence), highlight=False)


def _subscriber(each: Subscriber) -> dict[str, object]:
    return {
        "msisdn": each.identity(IdentityKind.E164),
        "imsi": each.identity(IdentityKind.IMSI),
        "tariff": each.tariff,
        "state": each.state.value,
        "account": each.account_id,
        "partition": each.partition,
        "version": each.version,
    }


def _others(each: Balance) -> dict[str, dict[str, int]]:
    """Balances besides main money, in the unit of each: of money micros; a debt is below zero."""
    return {
        name: {"left": held.free, "reserved": held.reserved}
        for name, held in sorted(each.others.items())
        if held.amount or held.reserved
    }


def _balance(each: Balance) -> dict[str, str]:
    return {
        "available": format_amount(each.available),
        "reserved": format_amount(each.reserved),
        "credited": format_amount(each.credited),
        "spent": format_amount(each.spent),
        "written_off": format_amount(each.written_off),
    }


def _pairs(title: str, rows: dict[str, object]) -> None:
    table = Table(title=title, show_header=False, title_justify="left")
    for name, value in rows.items():
        table.add_row(name.replace("_", " "), escape("-" if value is None else str(value)))
    show(table)


def subscriber(each: Subscriber, amounts: Balance, as_json: bool) -> None:
    """One subscriber with the account's amounts."""
    rows = _subscriber(each) | {"balance": _balance(amounts)}
    if as_json:
        _json(rows)
    else:
        _pairs("Subscriber", _subscriber(each) | dict(_balance(amounts)))


def subscribers(found: Sequence[Subscriber], as_json: bool) -> None:
    """A list of subscribers."""
    if as_json:
        _json([_subscriber(each) for each in found])
        return
    table = Table("MSISDN", "IMSI", "Tariff", "State", "Account")
    for each in found:
        table.add_row(
            each.identity(IdentityKind.E164) or "-",
            each.identity(IdentityKind.IMSI) or "-",
            each.tariff,
            each.state.value,
            each.account_id,
        )
    show(table)


def quantity(amount: int, unit: str) -> str:
    """An amount of a balance as people read it, never more than it is; as it is, where the unit is not
    known."""
    if unit == "money":
        return format_amount(amount)
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    if unit == "seconds":
        minutes, seconds = divmod(amount, 60)
        return f"{sign}{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    if unit == "octets":
        size, name = next((each for each in SIZES if amount >= each[0]), (1, "B"))
        whole, rest = divmod(amount * 100 // size, 100)
        return f"{sign}{whole}.{rest:02} {name}" if rest else f"{sign}{whole} {name}"
    return f"{sign}{amount} {unit}".rstrip()


def balance(
    msisdn: str, amounts: Balance, as_json: bool, units: Mapping[str, str] | None = None
) -> None:
    """The amounts of one account, the others in their `units` where these are known."""
    others = _others(amounts)
    if as_json:
        _json({"msisdn": msisdn} | _balance(amounts) | ({"others": others} if others else {}))
        return
    _pairs(f"Balance of {msisdn}", dict(_balance(amounts)))
    if others:
        table = Table("Balance", "Left", "Reserved")
        for name, held in others.items():
            unit = (units or {}).get(name, "")
            shown = (quantity(held[each], unit) for each in ("left", "reserved"))
            table.add_row(escape(name), *(escape(each) for each in shown))
        show(table)


def topup(msisdn: str, outcome: PostOutcome, as_json: bool) -> None:
    """What a top-up did."""
    waiting = [session_text(each.session_id) for each in outcome.waiting]
    if as_json:
        _json(
            {"msisdn": msisdn, "status": outcome.status.value, "reauthorised": waiting}
            | _balance(outcome.balance)
        )
        return
    if outcome.status is PostStatus.REPLAYED:
        out.print("applied before under this key: nothing moved again")
    balance(msisdn, outcome.balance, False)
    for each in waiting:
        out.print(f"re-authorising {escape(each)}", highlight=False)


def _entry(each: LedgerEntry) -> dict[str, object]:
    return {
        "sequence": each.sequence,
        "id": each.entry_id,
        "previous": each.previous,
        "at": when(each.at),
        "kind": each.kind,
        "actor": each.actor,
        "reason": each.reason,
        "session": session_text(each.session_id),
        "request": each.request,
        "key": each.key,
        "units": each.units,
        "granted": each.granted,
        "credited": format_amount(each.credited),
        "spent": format_amount(each.spent),
        "reserved": format_amount(each.reserved),
        "written_off": format_amount(each.written_off),
        "after": _balance(each.after),
    } | ({"moves": [asdict(move) for move in each.moves]} if each.moves else {})


def statement(entries: Sequence[LedgerEntry], as_json: bool) -> None:
    """Ledger entries, newest first."""
    if as_json:
        _json([_entry(each) for each in entries])
        return
    table = Table(
        "#", "Time", "What", "Used", "Granted", "Credited", "Spent", "Reserved", "Written off",
        "Available", "By", "Why",
    )  # fmt: skip
    for each in entries:
        what = f"{each.kind} {each.request} {each.key}".strip()
        amounts = (each.credited, each.spent, each.reserved, each.written_off)
        table.add_row(
            str(each.sequence),
            when(each.at),
            escape(what),
            str(each.units or ""),
            str(each.granted or ""),
            *(format_amount(amount) if amount else "" for amount in amounts),
            format_amount(each.after.available),
            escape(each.actor),
            escape(each.reason),
        )
    show(table)


def sessions(found: Sequence[OpenSession], as_json: bool) -> None:
    """Open sessions."""
    if as_json:
        _json(
            [
                {
                    "session": session_text(each.session_id),
                    "account": each.account_id,
                    "service": each.service,
                    "correlation": each.correlation,
                    "client": each.origin_host,
                    "started": when(each.started),
                    "deadline": when(each.deadline),
                    "reserved": format_amount(each.reserved),
                    "waiting": each.is_waiting,
                    "cut": each.is_cut,
                }
                for each in found
            ]
        )
        return
    table = Table("Session", "Account", "Service", "Client", "Started", "Reserved", "State")
    for each in found:
        state = "being cut" if each.is_cut else "waits for money" if each.is_waiting else "open"
        table.add_row(
            escape(session_text(each.session_id)),
            each.account_id,
            each.service,
            escape(each.origin_host),
            when(each.started),
            format_amount(each.reserved),
            state,
        )
    show(table)


def nodes(found: Sequence[Node]) -> None:
    """A decoded message as JSON."""
    _json([asdict(each) for each in found])


def check(found: Sequence[Findings], warnings: Sequence[str], as_json: bool) -> None:
    """Errors and warnings of the configuration and the catalogue."""
    errors = [each for run in found for each in run.errors]
    if as_json:
        rows = [{"file": e.file, "key": e.key, "expected": e.expected} for e in errors]
        _json({"errors": rows, "warnings": list(warnings)})
        return
    for each in errors:
        err.print(
            f"[bold red]error[/] {escape(f'{each.file}: {each.key}: {each.expected}')}",
            highlight=False,
            soft_wrap=True,
        )
    for warning in warnings:
        err.print(f"[bold yellow]warning[/] {escape(warning)}", highlight=False, soft_wrap=True)
    if not errors:
        out.print("configuration and catalogue are in order")
    else:
        err.print(f"{len(errors)} error(s)", highlight=False)


def _left(bucket: Bucket, amounts: Balance) -> int:
    """What may be spent of a bucket: what is held is taken off."""
    held = amounts.others.get(bucket.balance)
    return held.free if held is not None else 0


def _moment(millis: int) -> str | None:
    return when(millis) if millis else None


def _product(each: Product, amounts: Balance) -> dict[str, object]:
    return {
        "number": each.number,
        "product": each.product,
        "state": each.state.value,
        "since": when(each.since),
        "due": _moment(each.due),
        "buckets": [
            {
                "name": bucket.name,
                "left": _left(bucket, amounts),
                "until": _moment(bucket.ends),
            }
            for bucket in each.buckets
        ],
    }


def products(owner: Subscriber, amounts: Balance, as_json: bool) -> None:
    """What a subscriber has, what is left of it, and when something is due."""
    if as_json:
        _json([_product(each, amounts) for each in owner.products])
        return
    table = Table("#", "Product", "State", "Since", "Due", "Bucket", "Left", "Until")
    for each in owner.products:
        due, since = _moment(each.due) or "-", when(each.since)
        row = [str(each.number), escape(each.product), each.state.value, since, due]
        if not each.buckets:
            table.add_row(*row, "-", "-", "-")
        for bucket in each.buckets:
            left, until = str(_left(bucket, amounts)), _moment(bucket.ends) or "-"
            table.add_row(*row, escape(bucket.name), left, until)
            row = [""] * len(row)
    show(table)


def vouchers(codes: Sequence[str], as_json: bool) -> None:
    """The codes of a new batch, one a line, for a printer."""
    if as_json:
        _json(list(codes))
    else:
        for code in codes:
            print(code)
