"""What the machine of a test run lacked: the skipped tests by the thing that they need, and how to get it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Need:
    """Something that a machine may lack.

    reason: a pattern, what the reasons of tests that are skipped for it have in common. remedy: how to get it; "" if
    that is no question of installing.
    """

    name: str
    reason: str
    remedy: str


# In the order in which they are looked for; docs/testing.md says what each proves.
NEEDS = (
    Need("--quick", r"not in the quick run", "make test"),
    Need("TINYGLOW_LONG", r"TINYGLOW_LONG", "TINYGLOW_LONG=1 make test, as CI does"),
    Need("TINYGLOW_FULL", r"takes minutes: TINYGLOW_FULL", "TINYGLOW_FULL=1 make test"),
    Need(
        "the folder `shared`",
        r"'shared'|/shared/.* is not there",
        "the folder `shared` beside the checkout, with data sets, models and recordings of Glow",
    ),
    Need(
        "CMSIS-NN's test data", r"TINYGLOW_CMSIS_NN", "TINYGLOW_CMSIS_NN=a checkout of github.com/ARM-software/CMSIS-NN"
    ),
    Need(
        "TensorFlow Lite Micro's test data",
        r"TINYGLOW_TFLITE_MICRO",
        "TINYGLOW_TFLITE_MICRO=a checkout of github.com/tensorflow/tflite-micro",
    ),
    Need("mkdocs", r"tinyglow\[docs\]", "pip install 'tinyglow[docs]'"),
    Need("report", r"vl_convert|igraph", "pip install 'tinyglow[report]'"),
    Need("completion", r"\bshtab\b", "pip install 'tinyglow[completion]'"),
    Need("cluster", r"\bdistributed\b", "pip install 'tinyglow[cluster]'"),
    Need("tflite", r"\btflite\b", "pip install 'tinyglow[tflite]'"),
    Need("unicorn", r"\bunicorn\b|elftools|capstone|tinyglow\.sim|tinyglow\[sim", "pip install 'tinyglow[sim]'"),
    Need("sanitizers", r"sanitizer librar", "gcc or clang with its sanitizers' libraries"),
    Need("qemu-system-arm", r"qemu-system-arm", "apt install qemu-system-arm"),
    Need("Xtensa's tools", r"qemu-system-xtensa|xtensa-lx106-elf-gcc", "apt install gcc-xtensa-lx106 qemu-system-misc"),
    Need(
        "more tools for RISC-V",
        r"qemu-system-riscv32|riscv64-unknown-elf-gcc",
        "apt install gcc-riscv64-unknown-elf qemu-system-misc",
    ),
    Need(
        "arm-none-eabi-gcc",
        r"arm-none-eabi-gcc|gcc for (?!host)",
        "apt install gcc-arm-none-eabi libnewlib-arm-none-eabi",
    ),
    Need("clang", r"\bclang", "apt install clang"),
    Need("ziglang", r"\bzig(lang)?\b", "pip install 'tinyglow[cc]'"),
    Need("cppcheck", r"cppcheck", "apt install cppcheck"),
    Need("graphviz", r"graphviz", "apt install graphviz"),
    Need(
        "the schema of CMSIS-Packs",
        r"TINYGLOW_PACK_XSD",
        "TINYGLOW_PACK_XSD=PACK.xsd of github.com/Open-CMSIS-Pack/Open-CMSIS-Pack-Spec; pip install xmlschema",
    ),
    Need("twine", r"\btwine\b", "make install ARGS=release, with the network"),
    Need("another Python", r"no other Python", "Python 3.10 to 3.14 beside the one that runs the tests, on the PATH"),
    Need("cmake", r"\b(cmake|make|ninja)\b", "apt install cmake make"),
    Need("gcc", r"\bg?cc\b|g\+\+|C compiler", "apt install gcc g++"),
    Need("a C library", r"mathematical library", ""),
    Need("axe", r"\baxe\b", "pip install 'tinyglow[test]'"),
    Need("keras", r"tinyglow\[train\]", "pip install 'tinyglow[train]'"),
    Need("torch", r"tinyglow\[torch\]", "pip install 'tinyglow[torch]'"),
    Need("a browser", r"browser|chromium", "apt install chromium"),
    Need("a user who is not root", r"superuser", "run the tests as another user"),
    Need("POSIX", r"shebang|other processes|ELF files|Linux|POSIX", ""),
    Need("this processor", r"another processor", ""),
)
OTHER = Need("other reasons", "", "")


def need_of(reason: str) -> Need:
    """The thing that a test was skipped for."""
    return next((need for need in NEEDS if re.search(need.reason, reason)), OTHER)


def count(reasons: Iterable[str]) -> Mapping[Need, Counter[str]]:
    """The reasons by need, each with how often it was given."""
    found: dict[Need, Counter[str]] = {}
    for reason in reasons:
        text = reason.removeprefix("Skipped: ")
        found.setdefault(need_of(text), Counter())[text] += 1
    return found


def summary(reasons: Iterable[str]) -> list[str]:
    """Lines for the end of a run: how many tests were skipped for what, and what to install; none if none was."""
    found = count(reasons)
    if not found:
        return []
    lines = [f"{sum(sum(part.values()) for part in found.values())} tests were not run, for they need"]
    for need, part in sorted(found.items(), key=lambda item: -sum(item[1].values())):
        how = f" ({need.remedy})" if need.remedy else ""
        lines.append(f"{sum(part.values()):6}  {need.name}{how}")
        if need is OTHER:
            lines += [f"          {number} x {reason}" for reason, number in part.most_common()]
    return [*lines, "docs/testing.md says what they prove."]
