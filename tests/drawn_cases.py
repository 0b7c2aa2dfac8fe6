"""A kernel's cases are drawn once per run of the tests, by whichever test is first.

To draw them takes longer than to run them, and many tests look at the cases of the same kernels.
"""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hypothesis import given

from tests.long import is_long
from tinyglow.registry import KERNELS, WITH_EPILOGUES
from tinyglow.testing import Case, budget, cases, fixed_cases, is_full

OF_CI = 200  # of each kernel
DRAWN = OF_CI if is_long() else 80  # in the quick run a tenth
OF_EPILOGUES = 16 if is_long() else 8  # of a kernel's loop with another epilogue than its own


class DrawnCases:
    """The cases of the registered kernels. They are kept in ``folder``, which processes may share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, symbol: str, count: int) -> list[Case]:
        """``count`` cases of a kernel, from the whole of what is drawn: it begins with small ones."""
        kept = self._folder / f"{symbol}.pickle"
        drawn = DRAWN if symbol in KERNELS else OF_EPILOGUES
        if not is_full():
            drawn = budget(drawn).max_examples
        if count > drawn:
            return fixed_cases(symbol, count)
        if not kept.exists():
            self._write(kept, fixed_cases(symbol, drawn))
        kernel = KERNELS.get(symbol) or WITH_EPILOGUES[symbol]
        found = [Case(kernel, *parts) for parts in pickle.loads(kept.read_bytes())]
        return [found[i * len(found) // count] for i in range(min(count, len(found)))]

    def check(self, symbol: str, body: Callable[[Case], None], quick: int, full: int = 5_000) -> None:
        """Call ``body``, which raises if something is wrong, with ``quick`` cases of a kernel, or ``full`` new ones.

        The smallest case that fails is what is reported.
        """
        settings, failure = budget(quick, full), None
        if not is_full():
            failure = next((error for case in self(symbol, settings.max_examples) if (error := _of(body, case))), None)
            if failure is None:
                return

        @settings
        @given(cases(symbol))
        def smallest(case: Case) -> None:
            body(case)

        smallest()
        if failure is not None:
            raise failure

    def _write(self, kept: Path, found: list[Case]) -> None:
        parts = [(case.params, case.inputs, case.outputs, case.functions) for case in found]
        with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as aside:
            pickle.dump(parts, aside)
        with suppress(PermissionError):  # Windows, if another process was first
            os.replace(aside.name, kept)


def _of(body: Callable[[Case], None], case: Case) -> Exception | None:
    """What ``body`` raises."""
    try:
        body(case)
    except Exception as error:
        return error
    return None
