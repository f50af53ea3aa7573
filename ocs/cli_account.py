"""`ocs topup`, `ocs buy` and the like: what moves money or products of one subscriber, and vouchers."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from ocs import present
from ocs.abmf.ledger import LedgerError
from ocs.books import PostOutcome
from ocs.cli_common import (
    UNREACHABLE,
    ConfigOption,
    JsonOption,
    Msisdn,
    amount_of,
    at_desk,
)
from ocs.desk import Desk, once_under

vouchers = typer.Typer(no_args_is_help=True, help="Make vouchers.")

KeyOption = Annotated[
    str | None, typer.Option("--key", help="The payer's transaction id: applied once")
]
ProductArgument = Annotated[
    str, typer.Argument(help="Its id; of one that is had also its number in `ocs products`")
]
ProductWork = Callable[[Desk, str, str, str], Awaitable[PostOutcome]]
#: What is done with a product of a subscriber, once under a key.
WITH_PRODUCT: dict[str, tuple[ProductWork, str]] = {
    "buy": (lambda desk, *of: desk.buy(*of), "Buy an add-on: its fee is paid now."),
    "drop": (lambda desk, *of: desk.drop(*of), "End a product; what is left of it lapses."),
    "renew": (
        lambda desk, *of: desk.renew(*of),
        "Begin a product's next period now, for its fee.",
    ),
    "advance": (
        lambda desk, *of: desk.advance(*of),
        "Lend money, which the next top-ups pay back.",
    ),
}


def _apply(
    msisdn: str,
    work: Callable[[Desk], Awaitable[PostOutcome]],
    repeat: str,
    config: Path | None,
    as_json: bool,
) -> None:
    """Do it once; without an answer say how it is repeated so that it is still done once."""

    async def applied(desk: Desk) -> None:
        try:
            outcome = await work(desk)
        except LedgerError:
            present.refusal(
                "the store did not answer, so this may have been applied or not: repeat it "
                f"with {repeat}, which applies it once"
            )
            raise typer.Exit(UNREACHABLE) from None
        present.topup(msisdn, outcome, as_json)

    at_desk(config, applied)


def topup_command(
    msisdn: Msisdn,
    amount: Annotated[str, typer.Argument(help="30 or 12.50; negative to pay out")],
    key: KeyOption = None,
    channel: Annotated[
        str, typer.Option("--channel", help="Where it was paid: bonuses may ask for it")
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Credit an account; what is owed is paid first, sessions that wait for money ask again."""
    micros, once = amount_of(amount), once_under(key)
    _apply(
        msisdn,
        lambda desk: desk.topup(msisdn, micros, once, channel),
        f"--key {once}",
        config,
        as_json,
    )


def products_command(
    msisdn: Msisdn, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """The products of a subscriber, what is left of them, and when something is due."""

    async def work(desk: Desk) -> None:
        present.products(*await desk.products(msisdn), as_json)

    at_desk(config, work)


def _with_product(work: ProductWork) -> Callable[..., None]:
    """The command that does this."""

    def command(
        msisdn: Msisdn,
        product: ProductArgument,
        key: KeyOption = None,
        config: ConfigOption = None,
        as_json: JsonOption = False,
    ) -> None:
        once = once_under(key)
        _apply(
            msisdn, lambda desk: work(desk, msisdn, product, once), f"--key {once}", config, as_json
        )

    return command


def late_usage_command(
    msisdn: Msisdn,
    record: Annotated[str, typer.Argument(help="The partner's record: charged once")],
    amount: Annotated[str, typer.Argument(help="30 or 12.50")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Charge usage that a partner reported afterwards; what is not covered is owed."""
    micros = amount_of(amount)
    _apply(
        msisdn,
        lambda desk: desk.late_usage(msisdn, record, micros),
        "the same record",
        config,
        as_json,
    )


def redeem_command(
    msisdn: Msisdn,
    code: Annotated[str, typer.Argument(help="The digits of the voucher")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Credit a voucher's value, once."""
    _apply(msisdn, lambda desk: desk.redeem(msisdn, code), "the same code", config, as_json)


@vouchers.command("make")
def make_command(
    count: Annotated[int, typer.Argument(min=1, help="How many")],
    value: Annotated[str, typer.Argument(help="What each is worth: 500.00")],
    batch: Annotated[str, typer.Argument(help="A name that no other batch has")],
    days: Annotated[
        int, typer.Option("--days", min=0, help="Days that a number lasts from the redeeming on")
    ] = 0,
    bonus: Annotated[str, typer.Option("--bonus", help="A product that is given with it")] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a batch; the codes are kept hashed, and shown this once."""
    micros = amount_of(value)

    async def work(desk: Desk) -> None:
        made = await desk.make_vouchers(count, micros, batch, valid_days=days, bonus=bonus)
        present.vouchers(made, as_json)

    at_desk(config, work)


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.command("topup", context_settings={"ignore_unknown_options": True})(topup_command)
    cli.command("products")(products_command)
    for name, (work, told) in WITH_PRODUCT.items():
        cli.command(name, help=told)(_with_product(work))
    cli.command("late-usage")(late_usage_command)
    cli.command("redeem")(redeem_command)
    cli.add_typer(vouchers, name="vouchers")
