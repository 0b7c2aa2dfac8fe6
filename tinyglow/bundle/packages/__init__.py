"""Libraries for the build systems that applications use: one module for each format, found by itself.

A format's module has ``NAME``, ``SUMMARY`` (what is written, in words) and ``files``, a function from ``Parts`` to the
contents by path inside the package. ``SEVERAL = False``: it is for one network, not for several with a shared arena.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the formats' names alone are wanted whenever the program starts
    from tinyglow.bundle.header import BundleInfo
    from tinyglow.bundle.project import Samples


@dataclass(frozen=True)
class Parts:
    """What every package is made of.

    Attributes:
        info: The bundle's header; of several networks: of all together, as ``all_together`` has it.
        bundle: The bundle's files by name, with their list.
        samples: Inputs, and fingerprints of the right answers, for the check that every package carries.
        version: Of the package: three numbers.
        networks: The headers of networks with a shared arena; () for one network.
    """

    info: BundleInfo
    bundle: Mapping[str, bytes]
    samples: Samples
    version: str
    networks: tuple[BundleInfo, ...] = ()

    @property
    def context(self) -> dict[str, object]:
        """What templates ask for."""
        return {
            "net": self.info.name,
            "NET": self.info.name.upper(),
            "version": self.version,
            "inputs": [(one.name, one.type.nbytes) for one in self.info.inputs],
            "outputs": [(one.name, one.type.nbytes) for one in self.info.outputs],
            "has_weights": self.info.constant > 0,
            "has_activations": self.info.activations > 0,
            "has_states": self.info.states > 0,
            "has_tcm": self.info.tcm > 0,
            "networks": self.networks,
            "sources": sorted(name for name in self.bundle if name.endswith(".c")),
            "headers": sorted(name for name in self.bundle if name.endswith((".h", ".txt"))),
        }

    def render(self, template: str, **more: object) -> bytes:
        """The text of ``templates/package/<template>`` with ``context`` and ``more`` filled in."""
        from tinyglow.bundle.render import render

        return render(f"package/{template}", **self.context, **more).encode("utf-8")

    def sources(self) -> dict[str, bytes]:
        """The bundle, by path: in the folder ``src``."""
        return {f"src/{name}": data for name, data in self.bundle.items()}

    def check(self) -> dict[str, bytes]:
        """A function in C that runs the samples and counts the wrong answers, by name of the file."""
        from tinyglow.bundle.project import sample_files

        net = self.info.name
        body = "shared_check.c.j2" if self.networks else "check.c.j2"
        check = {f"{net}_check.c": self.render(body), f"{net}_check.h": self.render("check.h.j2")}
        return check | sample_files(self.info, self.samples)


@dataclass(frozen=True)
class Format:
    """A kind of package; ``several``: whether it can hold networks with a shared arena."""

    name: str
    summary: str
    files: Callable[[Parts], Mapping[str, bytes]]
    several: bool


def formats() -> dict[str, Format]:
    """Every format in this folder, by name."""
    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    found = [Format(module.NAME, module.SUMMARY, module.files, getattr(module, "SEVERAL", True)) for module in modules]
    return {one.name: one for one in sorted(found, key=lambda one: one.name)}
