"""Glow's command lines: ``-opt=v``, ``--opt=v``, ``-opt v`` and ``--opt v`` are one, as in LLVM's option parser."""

from __future__ import annotations

import difflib
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tinyglow.cli.glow.option import Kind, Option
from tinyglow.cli.glow.tables import TABLES, TAKES_FILES
from tinyglow.errors import InputError, Problem

_HELP = frozenset({"h", "help", "help-list", "help-hidden"})


@dataclass(frozen=True)
class GlowArguments:
    """What was given. Values are checked: choices are among the known ones, counts and numbers are such."""

    tool: str
    options: Mapping[str, Option]
    values: Mapping[str, tuple[str, ...]]
    files: tuple[str, ...]

    def given(self, name: str) -> bool:
        """Whether the option was given."""
        return name in self.values

    def text(self, name: str) -> str:
        """Its value, or its default."""
        return self.values.get(name, (self.options[name].default,))[-1]

    def texts(self, name: str) -> tuple[str, ...]:
        """All its values, of every time it was given; lists are split at commas."""
        values = self.values.get(name, ())
        return tuple(part for value in values for part in value.split(",")) if self.options[name].comma else values

    def flag(self, name: str) -> bool:
        """Whether it is on."""
        return self.text(name) == "true"

    def count(self, name: str) -> int:
        """Its value as an int; 0 without value and default."""
        return int(self.text(name) or 0)

    def number(self, name: str) -> float:
        """Its value as a float; 0 without value and default."""
        return float(self.text(name) or 0)


def parse(tool: str, argv: Sequence[str]) -> GlowArguments | None:
    """The arguments of a tool; None if help was asked for, which is printed then.

    Says on stderr, once, which of them mean nothing here. Raises InputError with everything that is not understood.
    """
    if any(arg.startswith("-") and arg.lstrip("-") in _HELP for arg in argv):
        print(help_text(tool))
        return None
    options = {name: option for option in TABLES[tool] for name in option.names}
    values, files, problems = _read(tool, options, argv)
    for option in TABLES[tool]:
        if option.required and option.name not in values:
            problems.append(Problem(f"-{option.name}", "is missing", option.help))
        if option.refused and option.name in values:
            problems.append(Problem(f"-{option.name}", "is not supported", "", option.refused))
    if problems:
        raise InputError(f"the arguments of {tool} are not understood", problems)
    for option in TABLES[tool]:
        if option.unused and option.name in values:
            print(f"note: -{option.name} means nothing here: {option.unused}", file=sys.stderr)
    return GlowArguments(tool, options, {name: tuple(given) for name, given in values.items()}, tuple(files))


def _read(
    tool: str, options: Mapping[str, Option], argv: Sequence[str]
) -> tuple[dict[str, list[str]], list[str], list[Problem]]:
    values: dict[str, list[str]] = {}
    files: list[str] = []
    problems: list[Problem] = []
    rest = list(argv)
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            files, rest = files + rest, []
            continue
        if not argument.startswith("-") or argument == "-":
            files.append(argument)
            continue
        name, equals, value = argument[2 if argument.startswith("--") else 1 :].partition("=")
        option = options.get(name)
        if option is None:
            problems.append(_unknown(tool, argument.partition("=")[0], name))
            continue
        if not equals and option.kind is Kind.FLAG:
            value = "true"
        elif not equals and rest and not _is_option(rest[0], options):
            value = rest.pop(0)
        if option.name in values and not option.many:
            problems.append(Problem(argument, "is given a second time", "each option once"))
            continue
        try:
            values.setdefault(option.name, []).append(option.checked(value))
        except ValueError as error:
            problems.append(Problem(argument if equals else f"-{name} {value}".rstrip(), "is no value", str(error)))
    if files and tool not in TAKES_FILES:
        problems += [Problem(file, "is not an option", f"{tool} takes options only") for file in files]
    return values, files, problems


def _is_option(argument: str, options: Mapping[str, Option]) -> bool:
    """Whether it is one of the tool's options, and thus no value of the one before."""
    return argument.startswith("-") and argument.lstrip("-").partition("=")[0] in options


def _unknown(tool: str, shown: str, name: str) -> Problem:
    elsewhere = [other for other, table in TABLES.items() if any(name in option.names for option in table)]
    if elsewhere:
        return Problem(shown, f"is an option of {elsewhere[0]}, not of {tool}")
    names = [known for option in TABLES[tool] for known in option.names]
    near = difflib.get_close_matches(name, names, 1)
    return Problem(shown, "is no known option", "", f"did you mean -{near[0]}?" if near else f"{tool} -help lists all")


def help_text(tool: str) -> str:
    """All options of a tool with their meaning."""
    files = " [IMAGE ...]" if tool in TAKES_FILES else ""
    lines = [
        f"usage: tinyglow {tool}{files} [OPTION ...]",
        "",
        "Options may be spelled -opt=value, --opt=value, -opt value or --opt value.",
    ]
    table = TABLES[tool]
    for title, chosen in (
        ("options", [option for option in table if not (option.unused or option.refused)]),
        ("options that mean nothing here, and why", [option for option in table if option.unused]),
        ("options that are refused, and why", [option for option in table if option.refused]),
    ):
        if chosen:
            lines += ["", f"{title}:", *(line for option in chosen for line in _help_of(option))]
    return "\n".join(lines)


def _help_of(option: Option) -> list[str]:
    value = option.metavar or ("|".join(option.choices) if option.choices else "VALUE")
    spelled = ", ".join(f"-{name}" for name in option.names) + ("" if option.kind is Kind.FLAG else f"={value}")
    meaning = option.unused or option.refused or option.help
    meaning += f" (default: {option.default})" if option.default else ""
    meaning += " (required)" if option.required else ""
    indent = " " * 8
    return [f"  {spelled}", *textwrap.wrap(meaning, 112, initial_indent=indent, subsequent_indent=indent)]
