"""MISRA C:2012, by cppcheck's addon: how often the runtime deviates from each rule, and why.

``python -m tests.c_quality`` looks at all files and records the counts. The rules' own texts are not ours to print.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tinyglow import resources
from tinyglow.ir.kernel import Kernel
from tinyglow.registry import KERNELS
from tinyglow.testing.native import kernel_sources

RECORD = Path(__file__).with_name("misra.json")
REASONS = Path(__file__).with_name("deviations.json")
_OPTIONS = (
    *("--std=c99", "--platform=unix32", "--addon=misra", "--enable=warning,style,performance,portability", "-q"),
    # With a macro given, one configuration is looked at: the portable code, without any core's instructions.
    "-D__STDC_VERSION__=199901L",
    # The functions read the parameters that concern them.
    "--suppress=unusedStructMember",
    # By constants that it takes for possible; the sanitizers watch these shifts with the values that there are.
    *("--suppress=shiftNegativeLHS:*tg_float.h", "--suppress=shiftTooManyBitsSigned:*tg_pow_f32.c"),
    "--template={id}|{file}|{line}|{message}",
)
# Rules of whole programs: what nothing uses, names that two files have. A bundle takes what it needs of the runtime.
_OF_PROGRAMS = {"2.3", "2.4", "2.5", "5.6", "5.7", "5.9", "8.5"}
_MISRA = re.compile(r"misra-c2012-(\d+\.\d+)")
Counts = Mapping[str, Mapping[str, int]]  # by file, by rule


def version() -> str | None:
    """Of the cppcheck at hand; None if there is none."""
    path = shutil.which("cppcheck")
    if path is None:
        return None
    return subprocess.run([path, "--version"], capture_output=True, encoding="utf-8", check=True).stdout.split()[-1]


def look(
    folder: Path, kernels: Iterable[Kernel] = tuple(KERNELS.values())
) -> tuple[dict[str, Counter[str]], list[str]]:
    """Run cppcheck on kernels.

    Args:
        folder: Where files may be written.
        kernels: The kernels.

    Returns:
        How often each file deviates from each rule, and whatever else cppcheck has to say.
    """
    runtime, listed = _copied(folder / "runtime"), folder / "files.txt"
    files = [_within(runtime, path) for path in kernel_sources(folder, kernels)]
    listed.write_text("\n".join(map(str, files)), encoding="utf-8")
    include = (f"-I{runtime / 'include'}", f"-I{folder}")
    command = [shutil.which("cppcheck") or "cppcheck", *_OPTIONS, *include, f"--file-list={listed}"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    return counted(done.stderr.splitlines())


def _copied(folder: Path) -> Path:
    """A copy of the runtime: cppcheck writes beside the files that it reads, and if interrupted leaves that."""
    shutil.copytree(resources.RUNTIME, folder, ignore=shutil.ignore_patterns("*.dump", "*.ctu-info"))
    return folder


def _within(runtime: Path, path: Path) -> Path:
    """A file of the runtime in its copy; another file as it is."""
    return runtime / path.relative_to(resources.RUNTIME) if path.is_relative_to(resources.RUNTIME) else path


def counted(lines: Sequence[str]) -> tuple[dict[str, Counter[str]], list[str]]:
    """The counts in cppcheck's output, and the lines that are none of the addon's."""
    counts: dict[str, Counter[str]] = {}
    others = []
    for line in dict.fromkeys(lines):
        match, parts = _MISRA.match(line), line.split("|")
        if match is None:
            others.append(line)
        elif match[1] not in _OF_PROGRAMS:
            counts.setdefault(Path(parts[1]).name, Counter())[match[1]] += 1
    return counts, others


def write_record(counts: Counts) -> None:
    """Record what was found in all files."""
    ordered = {file: dict(sorted(rules.items(), key=_by_number)) for file, rules in sorted(counts.items())}
    lines = ",\n".join(f"  {json.dumps(file)}: {json.dumps(rules)}" for file, rules in ordered.items())
    RECORD.write_text(f'{{\n"cppcheck": {json.dumps(version())},\n"files": {{\n{lines}\n}}}}\n', encoding="utf-8")


def recorded() -> tuple[str, Counts]:
    """The version of cppcheck, and what it found in all files."""
    data = json.loads(RECORD.read_text(encoding="utf-8"))
    return data["cppcheck"], data["files"]


def reasons() -> dict[str, tuple[str, str]]:
    """By rule: what it is about, and why the runtime deviates."""
    found = json.loads(REASONS.read_text(encoding="utf-8"))
    return {rule: (subject, why) for rule, (subject, why) in found.items()}


def share() -> str:
    """How many of the runtime's files the record is about."""
    runtime = [path.name for path in resources.RUNTIME.rglob("*.[ch]") if "host" not in path.parts]
    known = set(recorded()[1])
    return f"{sum(name in known for name in runtime)} of {len(runtime)}"


def totals() -> dict[str, int]:
    """By rule, how often the runtime deviates."""
    sums: Counter[str] = Counter()
    for rules in recorded()[1].values():
        sums.update(rules)
    return dict(sorted(sums.items(), key=_by_number))


def table() -> str:
    """The deviations, for the documentation."""
    why = reasons()
    rows = ["| rule | about | deviations | why |", "|---|---|--:|---|"]
    rows += [f"| {rule} | {why[rule][0]} | {count} | {why[rule][1]} |" for rule, count in totals().items()]
    return "\n".join([f"In {share()} files, by cppcheck {recorded()[0]}:", "", *rows])


def _by_number(item: tuple[str, int]) -> list[int]:
    return [int(part) for part in item[0].split(".")]
