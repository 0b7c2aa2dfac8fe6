"""Virtual environments: made when they are needed, filled from a lock once."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tinyglow.dev.sets import PYPROJECT, ROOT, PackageSet

# Variables that would bring other packages, or another Python, into the environment.
_FOREIGN = ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_USER")


class SetupError(Exception):
    """The environment cannot be made; the text says what to do."""


class Environment:
    """A virtual environment of this Python, in a folder of the checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder.joinpath(*(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))
        self._stamp = folder / "tinyglow.json"

    def create(self) -> None:
        """Make the environment, empty; one that is there is replaced. Raises SetupError."""
        missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
        if missing:
            raise SetupError(
                f"{sys.executable} lacks its modules {' and '.join(missing)}"
                " (Debian and Ubuntu: apt install python3-venv)"
            )
        self._start([sys.executable, "-m", "venv", "--clear", str(self.folder)], "the environment could not be made")
        self._write({"made by": self._maker()})

    def ready(self, packages: PackageSet) -> None:
        """See that the locked packages of a set are there, and tinyglow in place. Raises SetupError.

        Nothing is done a second time, until the lock, pyproject.toml, the Python or the environment's place changes.
        """
        if not self._usable():
            self.create()
        digest = hashlib.sha256(packages.lock.read_bytes() + PYPROJECT.read_bytes()).hexdigest()
        if self._read().get(packages.name) == digest:
            return
        print(f"Installing what '{packages.name}' needs into {self.folder.relative_to(ROOT)} ...", flush=True)
        self.pip("install", "--require-hashes", "-r", str(packages.lock))
        if packages.extras:
            self.install_in_place()
        self._write({**self._read(), packages.name: digest})

    def install_in_place(self) -> None:
        """Install tinyglow itself, as the folder that it is. Raises SetupError.

        Its build backend must be there. pip leaves a file with the checkout's path, which Python before 3.13 reads in
        the encoding of the locale; under LC_ALL=C it would not start in a folder with an umlaut. A relative path has
        nothing but ASCII.
        """
        self.pip("install", "--no-index", "--no-deps", "--no-build-isolation", "-e", ".")
        for packages in (*self.folder.glob("lib/python*/site-packages"), *self.folder.glob("Lib/site-packages")):
            for path in packages.glob("*tinyglow*.pth"):
                path.write_text(os.path.relpath(ROOT, packages) + "\n", encoding="ascii")

    def pip(self, *arguments: str) -> None:
        """Run the environment's pip. Raises SetupError with a hint."""
        command = [str(self.python), "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input", *arguments]
        self._start(
            command,
            "pip failed; its words are above. The first run needs the network, or an index at hand (PIP_INDEX_URL)",
        )

    def run(self, *arguments: str) -> int:
        """Run the environment's Python in the checkout, with this terminal; returns the exit status."""
        return subprocess.run([str(self.python), *arguments], cwd=ROOT, env=self._variables(), check=False).returncode

    def _start(self, command: Sequence[str], complaint: str) -> None:
        done = subprocess.run(command, cwd=ROOT, env=self._variables(), stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise SetupError(complaint)

    def _variables(self) -> dict[str, str]:
        """This process's variables, but for those that would let in what is not locked.

        Who wants no compiled files beside the sources has them in the environment: without any, each of the processes
        that the tests start would compile every file anew.
        """
        variables = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
        if variables.pop("PYTHONDONTWRITEBYTECODE", ""):
            variables["PYTHONPYCACHEPREFIX"] = str(self.folder / "pycache")
        return variables

    def _maker(self) -> str:
        return f"Python {sys.version} of {Path(sys.base_prefix).resolve()} in {self.folder}"

    def _usable(self) -> bool:
        """Whether the environment is this Python's, was made in this place, and is complete."""
        return self.python.exists() and self._read().get("made by") == self._maker()

    def _read(self) -> Mapping[str, str]:
        try:
            found = json.loads(self._stamp.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, state: Mapping[str, str]) -> None:
        self._stamp.write_text(json.dumps(state, indent=1), encoding="utf-8")
