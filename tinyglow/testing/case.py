"""A kernel call with its data: what parity tests run in numpy, on the host and on emulated cores."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Kernel, Operand, Params, Role


@dataclass(frozen=True, eq=False)
class Case:
    """One call of a kernel.

    Attributes:
        kernel: The kernel.
        params: Its parameters.
        inputs: Flat arrays by operand name, in the operands' own dtypes.
        outputs: Number of elements by operand name.
        functions: For each operand that is code, which of ``functions.specimens()`` C gets.
    """

    kernel: Kernel
    params: Params
    inputs: dict[str, Array]
    outputs: dict[str, int]
    functions: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for operand in self.kernel.operands:
            if operand.role is Role.OUT:
                known = operand.name in self.outputs
            else:
                data = self.inputs.get(operand.name)
                known = data is not None and data.ndim == 1 and str(data.dtype) == operand.dtype
            if not known:
                raise ValueError(f"{self.kernel.symbol}: operand {operand.name} is missing or of another type")

    @property
    def scratch(self) -> int | None:
        """Bytes of working memory; None if the kernel takes none."""
        return self.kernel.scratch(self.params) if self.kernel.scratch else None

    @property
    def overlap(self) -> int | None:
        """Where the output may start over the first operand, in bytes from its start, at a multiple of 4, or None."""
        distance = self.kernel.overlap(self.params) if self.kernel.overlap else None
        return None if distance is None else distance // 4 * 4

    @property
    def aliases(self) -> dict[str, str]:
        """Output and input of each pair that may share an address here: the output is no larger than the input."""
        if self.kernel.aliases and not self.kernel.aliases(self.params):
            return {}
        return {
            operand.name: operand.may_alias
            for operand in self.kernel.operands
            if operand.may_alias and self.elements(operand) <= self.inputs[operand.may_alias].size
        }

    def elements(self, operand: Operand) -> int:
        """Number of elements of an operand."""
        return self.outputs[operand.name] if operand.role is Role.OUT else self.inputs[operand.name].size

    def expected(self, in_place: bool = False) -> dict[str, Array]:
        """The outputs by name, as numpy defines them; ``in_place``: computed over the inputs that they may alias."""
        arrays: dict[str, Array] = {name: data[np.newaxis].copy() for name, data in self.inputs.items()}
        for operand in self.kernel.operands:
            if operand.role is Role.OUT:
                count = self.outputs[operand.name]
                source = self.aliases.get(operand.name) if in_place else None
                shared = arrays[source].view(operand.dtype)[:, :count] if source else None
                arrays[operand.name] = np.zeros((1, count), operand.dtype) if shared is None else shared
        self.kernel.run(self.params, [arrays[operand.name] for operand in self.kernel.operands])
        return {name: arrays[name][0] for name in self.outputs}

    def __repr__(self) -> str:
        data = ", ".join(f"{name}={array!r}" for name, array in self.inputs.items())
        return f"<{self.kernel.symbol} {self.params} on {data}>"
