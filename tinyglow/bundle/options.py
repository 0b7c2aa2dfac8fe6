"""What a bundle's interface looks like: Glow's two APIs, where its constants live, and what is built of it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Literal

from tinyglow.bundle.c_names import is_taken
from tinyglow.bundle.harness import Placement
from tinyglow.errors import InputError, Problem
from tinyglow.ir.record import Record

Api = Literal["static", "dynamic"]

UTILS = ("glow_bundle_utils.c", "glow_bundle_utils.h")


class BundleOptions(Record):
    """How a bundle's interface looks.

    Attributes:
        api: "static": macros. "dynamic": also a ``BundleConfig`` with a symbol table, as Glow's dynamic bundles have.
        verbose: Whether the header lists the constants too.
        weights: "flash": the constants are const. "ram": they are not, and start-up code copies them.
        weights_asm: Whether an assembly file includes ``weights.bin`` as it is.
        utils: Whether the aligned allocation of NXP's ``glow_bundle_utils`` is written too, for hosts.
    """

    api: Api = "static"
    verbose: bool = False
    weights: Placement = "flash"
    weights_asm: bool = False
    utils: bool = False

    def check(self, net: str, placeholders: Collection[str]) -> None:
        """Raise InputError for unknown values, and for placeholders whose macros hide names of the interface.

        The macro of placeholder ``config`` in network ``NET`` is ``NET_config``, as is the dynamic API's variable.
        """
        problems = []
        for name, value, known in (
            ("the bundle API", self.api, ("static", "dynamic")),
            ("the place of the weights", self.weights, ("flash", "ram")),
        ):
            if value not in known:
                problems.append(Problem(name, f"is {value!r}", " or ".join(known)))
        taken = {f"{net}_config": self.api == "dynamic", f"{net}_weights": self.weights_asm}
        for placeholder in placeholders:
            macro = f"{net.upper()}_{placeholder}"
            if taken.get(macro):
                hint = "give the network a name with a lower-case letter"
                problems.append(Problem(f"placeholder {placeholder}", f"its macro {macro} hides {macro}", hint=hint))
            elif is_taken(macro):
                found = f"its macro {macro} is another's already: of C's library, Glow or tinyglow"
                problems.append(Problem(f"placeholder {placeholder}", found, hint="give the network another name"))
        if problems:
            raise InputError("the bundle cannot have this interface", problems)


def sources_of(folder: Path) -> list[Path]:
    """The C files in ``folder`` that firmware is built from: without the helpers for hosts."""
    return sorted(path for path in folder.glob("*.c") if path.name not in UTILS)
