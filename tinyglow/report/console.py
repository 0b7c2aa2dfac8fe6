"""Where text goes: tables to stdout, progress bars to stderr and only if that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tinyglow.report.plain import WIDTH_OF_A_FILE, may_be_terminal

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


def stdout() -> Console:
    """Plain text without colours or cut columns unless stdout is a terminal."""
    from rich.console import Console  # rich takes long, and not all commands print tables or bars

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH_OF_A_FILE)


def print_warnings(findings: Iterable[object]) -> None:
    """What to know before the network is used, a line each on stderr."""
    for finding in findings:
        print(f"warning: {finding}", file=sys.stderr)


def print_note(text: str) -> None:
    """What has happened that is no reason to worry, as a line on stderr."""
    print(f"note: {text}", file=sys.stderr)


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr; yields a function to call with the number of steps just done."""
    with _bar(label, total) as bar:
        if bar is None:
            yield lambda count: None
        else:
            task = bar.task_ids[0]
            yield lambda count: bar.advance(task, count)


@contextmanager
def stages(label: str, total: int) -> Iterator[Callable[[str], None]]:
    """A progress bar of unlike parts on stderr; yields a function to call with the name of each when it begins."""
    with _bar(label, total) as bar:
        if bar is None:
            yield lambda part: None
            return
        task, begun = bar.task_ids[0], 0

        def begin(part: str) -> None:
            nonlocal begun
            bar.update(task, description=f"{label}: {part}", completed=begun)
            begun += 1

        yield begin


@contextmanager
def _bar(label: str, total: int) -> Iterator[Progress | None]:
    """A bar with the time left; None where stderr is no terminal."""
    if not may_be_terminal(sys.stderr):
        yield None
        return
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:  # rich 13.7 ends even a disabled bar with an empty line
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # takes long

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Lines printed meanwhile go above the bar, but where they go to a file they must get there.
    redirect = sys.stdout.isatty()
    with Progress(*columns, console=console, transient=True, redirect_stdout=redirect) as bar:
        bar.add_task(label, total=total)
        yield bar
