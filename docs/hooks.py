"""Pages of the site that come from the code: MkDocs calls ``on_files`` before it reads the pages.

Nothing here is committed as text, so nothing can be out of date.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import tinyglow
from tinyglow import testing
from tinyglow.cli.glow.option import Kind, Option
from tinyglow.cli.glow.tables import TABLES
from tinyglow.cli.parser import build_parser
from tinyglow.targets.boards import board_names, load_board

ROOT = Path(__file__).resolve().parents[1]
OPTIONS = "| option | meaning |\n|---|---|"
MEMORIES = "| memory | bytes | wait states | source |\n|---|--:|--:|---|"


def _cell(text: str) -> str:
    """A text as it stands in a table's cell."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|").strip()


def _option(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    """A table's row: how the option or argument is written, and what it means."""
    values = "|".join(map(str, action.choices)) if action.choices else action.metavar or action.dest.upper()
    value = "" if action.nargs == 0 else f" {values}"
    names = ", ".join(action.option_strings) + value if action.option_strings else str(action.metavar or action.dest)
    text = parser._get_formatter()._expand_help(action) if action.help else ""
    return f"| `{_cell(names)}` | {_cell(text)} |"


def _command(name: str, parser: argparse.ArgumentParser, summary: str) -> Iterator[str]:
    yield f"## tinyglow {name}\n"
    yield f"{summary[:1].upper()}{summary[1:]}.\n"
    if parser.epilog:
        yield f"```text\n{re.sub(r'^  ', '', parser.epilog, flags=re.MULTILINE)}\n```\n"
    actions = [action for action in parser._actions if action.help is not argparse.SUPPRESS and action.dest != "help"]
    yield OPTIONS
    yield from (_option(action, parser) for action in actions)
    yield ""


def _tool_option(option: Option) -> str:
    values = "|".join(option.choices) or option.metavar or option.name.upper()
    value = "" if option.kind is Kind.FLAG else f"={values}"
    names = ", ".join(f"-{name}{value}" for name in option.names)
    meaning = option.help
    if option.unused or option.refused:
        meaning += f" ({'means nothing here' if option.unused else 'refused'}: {option.unused or option.refused})"
    return f"| `{_cell(names)}` | {_cell(meaning)} |"


def commands() -> str:
    """Every command with its options, from the parsers that read them."""
    parser = build_parser()
    (subparsers,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    lines = ["# Commands\n", "Exit status: 0, success; 1, a comparison failed; 2, bad input or a missing tool.\n"]
    for choice in subparsers._choices_actions:
        name, summary = choice.dest, choice.help or ""
        if name in TABLES:
            lines += [f"## tinyglow {name}\n", f"{summary[:1].upper()}{summary[1:]}.\n", OPTIONS]
            lines += [*(_tool_option(option) for option in TABLES[name]), ""]
        else:
            lines += _command(name, subparsers.choices[name], summary)
    return "\n".join(lines)


def python_api() -> str:
    """Every name that ``import tinyglow`` offers."""
    lines = ["# Python\n", "All of these are names of the package `tinyglow`. Arrays are numpy arrays.\n"]
    for name in sorted(tinyglow.__all__, key=str.lower):
        if not name.startswith("_"):
            place = f"{getattr(tinyglow, name).__module__}.{name}"
            lines += [f"::: {place}\n    options:\n      heading: tinyglow.{name}\n      toc_label: {name}\n"]
    return "\n".join(lines)


def testing_api() -> str:
    """Every name that ``tinyglow.testing`` offers."""
    lines = [
        "# tinyglow.testing\n",
        "Tests of kernels: [how to](../how-to/test-kernels.md). It needs `tinyglow[test]`.\n",
    ]
    for name in sorted(testing.__all__, key=str.lower):
        place = f"{getattr(testing, name).__module__}.{name}"
        lines += [f"::: {place}\n    options:\n      heading: tinyglow.testing.{name}\n      toc_label: {name}\n"]
    return "\n".join(lines)


def boards() -> str:
    """Every board with its memories, and where each fact is from."""
    found = [load_board(name) for name in board_names()]
    lines = ["# Boards\n", "`tinyglow boards show NAME` prints one of these; `boards/NAME.toml` holds it.\n"]
    lines += ["| board | core | clock | memories |\n|---|---|--:|---|"]
    for board in found:
        if not board.is_host:
            memories = ", ".join(f"{m.name} {m.size // 1024:,} KB" for m in board.memories)
            clock = f"{board.clock_hz / 1e6:g} MHz"
            lines.append(f"| [{board.name}](#{board.name}) | {board.core.title} | {clock} | {memories} |")
    lines.append("")
    for board in found:
        if not board.is_host:
            lines += [f"## {board.name}\n", f"{board.title}.\n", MEMORIES]
            lines += [f"| {m.name} | {m.size:,} | {m.wait_states} | {_cell(m.source)} |" for m in board.memories]
            lines += ["", *(f"* {fact.name}: {fact.value} ({fact.source})" for fact in board.facts), ""]
    return "\n".join(lines)


def contributing() -> str:
    """CONTRIBUTING.md, whose links to pages are relative to the checkout."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    text = re.sub(r"\[([^\]]*)\]\((?!docs/)[^)#]+\)", r"`\1`", text)  # files that are no pages
    return text.replace("](docs/", "](")


PAGES: dict[str, Callable[[], str]] = {
    "reference/cli.md": commands,
    "reference/python.md": python_api,
    "reference/testing.md": testing_api,
    "reference/boards.md": boards,
    "contributing.md": contributing,
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    for path, make in PAGES.items():
        files.append(File.generated(config, path, content=make()))
    return files
