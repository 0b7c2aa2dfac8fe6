"""A copy of the checkout, in which mutants are planted one after the other and the tests are run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.planted.imports import ROOT
from tests.planted.mutant import Mutant

_LEFT_OUT = shutil.ignore_patterns(".git", ".venv*", "build", "dist", ".*_cache", ".hypothesis")


@dataclass(frozen=True)
class Outcome:
    """What became of the tests: "passed", "failed" or "timeout"; the first that failed; processor time in seconds."""

    outcome: str
    test: str
    seconds: float


class Copy:
    """The checkout in a folder of its own; its working tree is never touched."""

    def __init__(self, folder: Path) -> None:
        """Copy the files."""
        self.root = folder / "checkout"
        self._folder = folder
        shutil.copytree(ROOT, self.root, ignore=_LEFT_OUT)
        # Children read compiled Python, and write none.
        compileall = ("compileall", "-q", "tinyglow", "tests")
        subprocess.run([sys.executable, "-m", *compileall], cwd=self.root, check=False, capture_output=True)
        self._servers: dict[bool, subprocess.Popen[str]] = {}

    def run(self, tests: Sequence[str], with_package: bool) -> Outcome:
        """Run tests. with_package: the package may be imported before the files that are planted are looked at."""
        server = self._servers.get(with_package) or self._start(with_package)
        assert server.stdin is not None and server.stdout is not None
        server.stdin.write(json.dumps({"tests": list(tests), "log": str(self._folder / "log.txt")}) + "\n")
        server.stdin.flush()
        return Outcome(**json.loads(server.stdout.readline()))

    def log(self) -> str:
        """What pytest printed last."""
        return (self._folder / "log.txt").read_text(encoding="utf-8", errors="replace")

    @contextmanager
    def planted(self, mutant: Mutant) -> Iterator[None]:
        """The copy with a mutant in it, for a while."""
        path = self.root / mutant.file
        before, status = path.read_text(encoding="utf-8"), path.stat()
        path.write_text(mutant.apply(before), encoding="utf-8")
        os.utime(path, (status.st_atime, status.st_mtime + 10))  # compiled Python goes by size and second
        try:
            yield
        finally:
            path.write_text(before, encoding="utf-8")
            os.utime(path, (status.st_atime, status.st_mtime))

    def close(self) -> None:
        """End the processes."""
        for server in self._servers.values():
            assert server.stdin is not None
            server.stdin.close()
            server.wait()

    def _start(self, with_package: bool) -> subprocess.Popen[str]:
        kept = self._folder / "kept"
        environment = {**os.environ, "TINYGLOW_KEPT": str(kept), "PYTHONPATH": str(self.root)}
        command = [sys.executable, "-m", "tests.planted.server", *(["--own"] if with_package else [])]
        server = subprocess.Popen(
            command, cwd=self.root, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        self._servers[with_package] = server
        return server


@contextmanager
def copied(folder: Path) -> Iterator[Copy]:
    """A copy of the checkout in ``folder``, which must have none yet."""
    copy = Copy(folder)
    try:
        yield copy
    finally:
        copy.close()
