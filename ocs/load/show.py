"""What a run looks like on a terminal: a line that moves while it measures, tables at the end.

It writes to standard error while the run goes on, so that what is printed at the end can be kept.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress as Bar, TextColumn
from rich.table import Table
from rich.text import Text

from ocs.load.result import Party, Result
from ocs.load.run import Progress, Watcher

COLUMNS = ("p50", "p90", "p95", "p99", "p99.9", "p99.99", "max")
NAMES = {"all": "all", "I": "CCR-I", "U": "CCR-U", "T": "CCR-T", "E": "CCR-E"}
MEGABYTE = 1 << 20


@contextmanager
def watching(title: str) -> Iterator[Watcher]:
    """Somebody to tell of the progress; it is drawn when it is told, a few times a second."""
    console = Console(stderr=True)
    bar = Bar(
        TextColumn("[bold]{task.fields[title]}"),
        TextColumn("{task.description:12}"),
        BarColumn(24),
        TextColumn("{task.fields[said]}"),
        console=console,
        auto_refresh=False,
        disable=not console.is_terminal,
        transient=True,
    )
    task = bar.add_task("", total=1.0, title=title, said="")

    def told(progress: Progress) -> None:
        bar.update(task, description=progress.phase, completed=progress.done, said=said(progress))
        bar.refresh()

    with bar:
        yield told


def said(progress: Progress) -> str:
    """Rate, latency, errors, seconds left."""
    if not progress.rate:
        return ""
    words = [f"{progress.rate:6,.0f}/s", f"p50 {progress.p50:.2f}", f"p99 {progress.p99:.2f} ms"]
    if progress.refused:
        words.append(f"{progress.refused:,} refused")
    if progress.unanswered:
        words.append(f"[red]{progress.unanswered:,} without an answer[/]")
    if progress.seconds_left:
        words.append(f"{progress.seconds_left:.0f} s left")
    return "  ".join(words)


def show(result: Result, console: Console) -> None:
    """A result with its audit."""
    console.print(latencies(result))
    for line in facts(result):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    style = "green" if result.audit.is_good else "bold red"
    console.print(Text(f"Audit      {result.audit}", style=style), soft_wrap=True)


def latencies(result: Result) -> Table:
    """Milliseconds by request type."""
    table = Table(
        "",
        "requests",
        *COLUMNS,
        title=f"{result.workload}: {result.load}, {result.seconds:.1f} s, {result.target}: milliseconds",
        title_justify="left",
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for kind, name in NAMES.items():
        found = result.latency.get(kind)
        if found is not None:
            values = (f"{found[each]:.2f}" for each in COLUMNS)
            table.add_row(name, f"{found.count:,}", *values)
    return table


def facts(result: Result) -> Iterator[str]:
    """What the table does not say."""
    offered = f" of {result.offered:,.0f} offered" if result.offered else ""
    yield f"Achieved   {result.achieved:,.0f} requests a second{offered}"
    yield (
        f"Processor  seconds for 1,000 requests: server {cpu(result, result.server)}, "
        f"store {cpu(result, result.store)}, generator {cpu(result, result.generator)}"
    )
    yield (
        f"Memory     server {megabytes(result.server.rss_bytes)}, store "
        f"{megabytes(result.store.rss_bytes)} ({megabytes(result.store_used_bytes)} in use), "
        f"generator {megabytes(result.generator.rss_bytes)}"
    )
    for kind, codes in result.codes.items():
        counted = ", ".join(f"{count:,} x {code}" for code, count in codes.items())
        yield f"{NAMES[kind]:10} {counted}"
    if result.offered:
        late = result.late
        yield f"Generator  late by p50 {late['p50']:.2f}, p99 {late['p99']:.2f} ms (part of the above)"
    yield f"Unanswered {result.unanswered:,} of {result.sent:,}; {result.repeats:,} were repeats"


def cpu(result: Result, party: Party) -> str:
    """Processor seconds for a thousand requests, where they are known."""
    return f"{result.per_thousand(party):.3f}" if party.rss_bytes else "not known"


def megabytes(size: int) -> str:
    """In megabytes, where it is known."""
    return f"{size / MEGABYTE:,.0f} MB" if size else "not known"
