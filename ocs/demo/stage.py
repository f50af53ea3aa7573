"""What the audience sees: lines, bars, ledger entries, and the table of expectations at the end."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ocs.books import Balance, LedgerEntry
from ocs.model import MICROS

BAR_WIDTH = 30
#: Steps in which a bar fills while somebody watches.
FRAMES = 12


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing the demonstration verified."""

    scene: str
    what: str
    expected: str
    got: str

    @property
    def is_met(self) -> bool:
        """Whether it came as expected."""
        return self.expected == self.got


def money(micros: int) -> str:
    """Tenge with two decimals."""
    sign = "-" if micros < 0 else ""
    whole, rest = divmod(abs(micros), MICROS)
    return f"{sign}{whole}.{rest // 10_000:02d}"


def quota_bar(used: int, granted: int, unit: str) -> Text:
    """How much of a quota is used."""
    filled = BAR_WIDTH * used // granted if granted else 0
    bar = "█" * filled + "░" * (BAR_WIDTH - filled)
    return Text(f"{'':10}{bar}  {used} of {granted} {unit} used", style="green")


class Stage:
    """Draws a scene, and keeps what was verified."""

    def __init__(self, console: Console, seconds_per_step: float) -> None:
        self._console = console
        self._pause = seconds_per_step
        self._scene = ""
        self._seen = 0
        self.expectations: list[Expectation] = []

    def scene(self, title: str, story: str) -> None:
        """A new scene."""
        self._scene = title
        self._seen = 0
        self._console.print()
        self._console.print(Panel(story, title=f"[bold]{title}", title_align="left", width=98))

    async def step(self, who: str, what: str, style: str = "") -> None:
        """One line of the story."""
        line = Text(f"{who:>8}  ", style="bold cyan")
        line.append(what, style=style)
        self._console.print(line)
        if self._pause:
            await asyncio.sleep(self._pause)

    async def use(self, used: int, granted: int, unit: str) -> None:
        """A quota being used up, faster than the clock."""
        if not self._pause:
            self._console.print(quota_bar(used, granted, unit))
            return
        with Live(console=self._console, auto_refresh=False) as live:
            for frame in range(1, FRAMES + 1):
                live.update(quota_bar(used * frame // FRAMES, granted, unit), refresh=True)
                await asyncio.sleep(self._pause / FRAMES)

    def balance(self, amounts: Balance, start: int) -> None:
        """The account as a bar: free, reserved, spent."""
        total = max(start, amounts.credited, 1)
        free = BAR_WIDTH * amounts.available // total
        held = -(-BAR_WIDTH * amounts.reserved // total)
        line = Text(f"{'account':>8}  ", style="bold cyan")
        line.append("█" * free, style="green")
        line.append("▒" * held, style="yellow")
        line.append("·" * max(0, BAR_WIDTH - free - held), style="dim")
        line.append(
            f"  free {money(amounts.available)}, reserved {money(amounts.reserved)}, "
            f"spent {money(amounts.spent)}"
        )
        self._console.print(line)

    def ledger(self, entries: Sequence[LedgerEntry]) -> None:
        """The entries since the last look, oldest first."""
        for each in sorted(entries, key=lambda entry: entry.sequence):
            if each.sequence <= self._seen:
                continue
            self._seen = each.sequence
            parts = [
                f"{name} {'+' if value > 0 else ''}{money(value)}"
                for name, value in (
                    ("credited", each.credited),
                    ("spent", each.spent),
                    ("reserved", each.reserved),
                    ("written off", each.written_off),
                )
                if value
            ]
            what = f"{each.kind} {each.request}".strip()
            line = (
                f"          ledger #{each.sequence} {what}: {', '.join(parts) or 'nothing moved'}"
            )
            self._console.print(Text(line, style="dim"))

    def expect(self, what: str, expected: object, got: object) -> None:
        """Verify one thing; the verdict is shown at once where it failed, and at the end."""
        found = Expectation(self._scene, what, str(expected), str(got))
        self.expectations.append(found)
        mark = "[green]✓[/]" if found.is_met else "[bold red]✗[/]"
        tail = "" if found.is_met else f" — expected {found.expected}, got {found.got}"
        self._console.print(
            f"       {mark}  [dim]{what}: {found.expected}[/]{tail}", highlight=False
        )

    def summary(self) -> int:
        """The table of scenes; returns how many expectations failed."""
        table = Table("Scene", "Verified", "Failed", title="What was verified", width=98)
        for scene in dict.fromkeys(each.scene for each in self.expectations):
            rows = [each for each in self.expectations if each.scene == scene]
            failed = sum(not each.is_met for each in rows)
            style = "red" if failed else "green"
            table.add_row(scene, str(len(rows)), f"[{style}]{failed}[/]")
        self._console.print()
        self._console.print(table)
        return sum(not each.is_met for each in self.expectations)
