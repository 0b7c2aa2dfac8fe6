"""Bundles in which tests plant faults."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from tests.helpers import run_cli

NET = "mnist"
CORES = ("cortex-m0plus", "cortex-m7")


class Bundle:
    """A copy of a bundle in which a fault is planted. Hashes are made to fit, so that the fault itself must be seen."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.proof = json.loads((folder / f"{NET}.proof.json").read_text(encoding="ascii"))
        self.weights = bytearray((folder / f"{NET}.weights.bin").read_bytes())

    def replace(self, old: str, new: str, file: str = f"{NET}.c") -> None:
        """Change the first place that a pattern finds in a file."""
        path = self.folder / file
        text, count = re.subn(old, new, path.read_text(encoding="utf-8"), count=1)
        assert count == 1, old
        path.write_text(text, encoding="utf-8")

    def buffer(self, name: str) -> dict[str, Any]:
        """What the proof says of a buffer whose name ends so."""
        (found,) = (buffer for buffer in self.proof["buffers"] if buffer["name"].endswith(name))
        buffer: dict[str, Any] = found
        return buffer

    def word(self, offset: int, value: int) -> None:
        """Write a word among the weights."""
        self.weights[offset : offset + 4] = value.to_bytes(4, "little", signed=True)

    def write(self) -> None:
        """The weights in both forms, and the proof with the hashes of all files."""
        (self.folder / f"{NET}.weights.bin").write_bytes(self.weights)
        text = "".join(f" 0X{byte:02X}," for byte in self.weights)
        (self.folder / f"{NET}.weights.txt").write_text(text + "\n", encoding="ascii")
        for name in self.proof["files"]:
            self.proof["files"][name] = hashlib.sha256((self.folder / name).read_bytes()).hexdigest()
        (self.folder / f"{NET}.proof.json").write_text(json.dumps(self.proof), encoding="ascii")


def refused(bundle: Bundle) -> str:
    """What the command says of a bundle that it refuses."""
    answer = run_cli("check-proof", bundle.folder)
    assert (answer.status, answer.out) == (2, "")
    assert "Traceback" not in answer.err
    return answer.err
