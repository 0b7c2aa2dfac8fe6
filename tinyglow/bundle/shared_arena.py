"""Several networks in one firmware: their bundles in one folder, the kernels once, one buffer for all activations.

What a network keeps, its placeholders and states, stays its own; activations hold nothing between two inferences.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from tinyglow.bundle.emit import check_name
from tinyglow.bundle.header import BundleInfo
from tinyglow.bundle.manifest import NETWORKS
from tinyglow.bundle.render import render, stamped
from tinyglow.errors import InputError, Problem
from tinyglow.ir.c_struct import GENERATED

# What every bundle's header defines alike, each behind a guard of its own.
_COMMON = {
    *("GLOW_SUCCESS", "GLOW_MEM_ALIGN", "GLOW_GET_ADDR", "_GLOW_BUNDLE_COMMON_DEFS", "_GLOW_BUNDLE_DYNAMIC_DEFS"),
    *("TINYGLOW_QUANTIZE_DEFINED", "GLOW_TCM_ADDR_DECLARED", "glow_tcm_addr"),
}
_NAMES = re.compile(r"^#define (\w+)|^(?:int|void) (\w+)\(|^extern [\w ]*?\*?(\w+)(?:\[\w*\])?;", re.MULTILINE)
_SUMMARY = "the networks cannot be one firmware"


@dataclass(frozen=True)
class Bundle:
    """One of the networks.

    Attributes:
        info: What its header says.
        files: Its files by name, without their list.
    """

    info: BundleInfo
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class SharedSizes:
    """Bytes of several networks together.

    Attributes:
        constant: All weights.
        mutable: All placeholders and states.
        activations: The largest network's.
        tcm: The largest network's.
        weights_in_ram: Of the weights, those that start-up code copies to RAM.
        alignment: Of the activations.
    """

    constant: int
    mutable: int
    activations: int
    tcm: int
    weights_in_ram: int
    alignment: int

    @property
    def ram(self) -> int:
        """All that lies in RAM, without the stack."""
        return self.mutable + self.activations + self.tcm + self.weights_in_ram

    def needs(self) -> dict[str, int]:
        """Bytes of each memory area, by the names of ``tinyglow.targets.memory_map``."""
        areas = {"tcm": self.tcm, "activations": self.activations, "mutable": self.mutable}
        return areas | ({"weights": self.weights_in_ram} if self.weights_in_ram else {})


def shared_sizes(infos: Sequence[BundleInfo]) -> SharedSizes:
    """What the networks take together."""
    return SharedSizes(
        constant=sum(info.constant for info in infos),
        mutable=sum(info.mutable for info in infos),
        activations=max(info.activations for info in infos),
        tcm=max(info.tcm for info in infos),
        weights_in_ram=sum(info.constant for info in infos if info.weights_in_ram),
        alignment=max(info.alignment for info in infos),
    )


def all_together(project: str, infos: Sequence[BundleInfo]) -> BundleInfo:
    """The networks as one: the names of inputs and outputs begin with their network's."""
    sizes = shared_sizes(infos)
    return BundleInfo(
        project,
        tuple(replace(one, name=f"{info.name}_{one.name}") for info in infos for one in info.placeholders),
        sizes.constant,
        sizes.mutable,
        sizes.activations,
        sizes.alignment,
        sizes.tcm,
        sizes.weights_in_ram > 0,
        sum(info.states for info in infos),
    )


def shared_files(project: str, bundles: Sequence[Bundle]) -> dict[str, bytes]:
    """Every file of the firmware's networks by name, without their list.

    Args:
        project: What they are called together in C: ``<project>.h`` has the table of networks.
        bundles: The networks, in the table's order.

    Returns:
        The bundles' files, each once, ``<project>.h``, ``<project>.c`` and their sizes as JSON.

    Raises:
        InputError: There are fewer than two, two have a name in common, or a kernel differs from one to the other:
            with all such problems.
    """
    check_name(project)
    problems = list(_problems(project, bundles))
    if problems:
        raise InputError(_SUMMARY, problems)
    infos = [bundle.info for bundle in bundles]
    context = {
        "project": project,
        "PROJECT": project.upper(),
        "networks": infos,
        "sizes": shared_sizes(infos),
        "in_assembly": {one.info.name for one in bundles if f"{one.info.name}.weights.S" in one.files},
        "destroys_input": [one.info.name for one in bundles if _destroys_input(one)],
    }
    own = {f"{project}.{suffix}": stamped(render(f"shared_arena.{suffix}.j2", **context)) for suffix in ("h", "c")}
    files = {name: data for bundle in bundles for name, data in bundle.files.items()}
    files |= {name: text.encode("utf-8") for name, text in own.items()}
    problems = list(_common_names({name: _names(files[f"{name}.h"]) for name in (*(i.name for i in infos), project)}))
    if problems:
        raise InputError(_SUMMARY, problems)
    return files | {GENERATED: _all_kernels(bundles), NETWORKS: _as_json(project, infos)}


def kernel_files(bundle: Bundle) -> dict[str, bytes]:
    """The C files of the kernels that a network calls, by name."""
    return {name: data for name, data in bundle.files.items() if name.startswith("tg_") and name.endswith(".c")}


def _problems(project: str, bundles: Sequence[Bundle]) -> Iterator[Problem]:
    if len(bundles) < 2:
        yield Problem("--shared-arena", f"has {len(bundles)} network", "two or more", "one network needs no table")
    names = [bundle.info.name for bundle in bundles]
    for name in names:
        check_name(name)
    # Macros have the names in capitals, and some systems' file names do not tell them apart.
    for name, count in Counter(name.lower() for name in names).items():
        if count > 1:
            hint = "--name, once for each network"
            yield Problem(name, f"is the name of {count} networks", "a name for each, whatever its case", hint)
    if project.lower() in {name.lower() for name in names}:
        yield Problem(f"--project {project}", "is a network's name too", "a name of its own")
    for bundle in bundles:
        objects = sorted(name for name in bundle.files if name.endswith(".o"))
        if objects:
            expected = "a bundle of C files"
            yield Problem(bundle.info.name, f"has {objects[0]}, an object with kernels", expected, "leave out --object")
        elif not any(name.endswith(".c") for name in bundle.files):
            yield Problem(bundle.info.name, "has no C files", "a bundle of C files")
    yield from _different(bundles)


def _different(bundles: Sequence[Bundle]) -> Iterator[Problem]:
    """Files that two bundles have under one name, with another content."""
    for first, second in combinations(bundles, 2):
        both = sorted((first.files.keys() & second.files.keys()) - {GENERATED})
        names = [name for name in both if first.files[name] != second.files[name]]
        if names and first.info.name != second.info.name:
            more = f" and {len(names) - 1} more" if names[1:] else ""
            found = f"do not have the same {names[0]}{more}"
            hint = "compile both with the same version of tinyglow and the same --optimize"
            yield Problem(f"{first.info.name} and {second.info.name}", found, "kernels that they can share", hint)


def _names(header: bytes) -> set[str]:
    """What a header defines for all that include it."""
    return {name for match in _NAMES.findall(header.decode("utf-8", "replace")) for name in match if name} - _COMMON


def _common_names(headers: Mapping[str, set[str]]) -> Iterator[Problem]:
    """Names that two headers define: of a placeholder's macro and another network's, for instance."""
    for (one, names), (other, others) in combinations(headers.items(), 2):
        for name in sorted(names & others):
            hint = "--name gives a network another name, --project the table"
            yield Problem(f"{one}.h and {other}.h", f"both define {name}", "names of their own", hint)


def _destroys_input(bundle: Bundle) -> bool:
    return b"// An inference overwrites its input" in bundle.files.get(f"{bundle.info.name}.h", b"")


def _all_kernels(bundles: Sequence[Bundle]) -> bytes:
    """``tg_kernels.h``: what includes every kernel's header that any of the networks needs."""
    texts = [bundle.files.get(GENERATED, b"").decode("utf-8", "replace") for bundle in bundles]
    headers = sorted({name for text in texts for name in re.findall(r'^#include "(\w+\.h)"', text, re.MULTILINE)})
    return stamped(render("kernels.h.j2", headers=headers)).encode("utf-8")


def _as_json(project: str, infos: Sequence[BundleInfo]) -> bytes:
    """The sizes for programs, and what says that the folder holds several networks."""
    sizes = shared_sizes(infos)
    known = {
        "project": project,
        "networks": [
            {
                "name": info.name,
                "constant": info.constant,
                "mutable": info.mutable,
                "activations": info.activations,
                "tcm": info.tcm,
                "states": info.states,
            }
            for info in infos
        ],
        "constant": sizes.constant,
        "mutable": sizes.mutable,
        "activations": sizes.activations,
        "tcm": sizes.tcm,
        "ram": sizes.ram,
    }
    return (json.dumps(known, indent=2) + "\n").encode("utf-8")
