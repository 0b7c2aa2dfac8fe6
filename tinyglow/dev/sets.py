"""What each kind of work needs: extras of pyproject.toml, and the file that locks their versions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = ROOT / "pyproject.toml"
LOCKS = ROOT / ".ci" / "locks"
# What installs: pip itself and the build backend, a dependency group of pyproject.toml. Every set has it.
INSTALLERS = "install"


@dataclass(frozen=True)
class PackageSet:
    """Packages that are installed together.

    extras: of tinyglow, which is then installed too, in place; without any, tinyglow is not.
    groups: dependency groups of pyproject.toml.
    """

    name: str
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = (INSTALLERS,)

    @property
    def lock(self) -> Path:
        """The file with each package's version and the hashes of its files, for every supported Python and system."""
        return LOCKS / f"{self.name}.txt"

    @property
    def requirement(self) -> str:
        """tinyglow in place with the extras, as pip takes it."""
        return f".[{','.join(self.extras)}]"


SETS = {
    chosen.name: chosen
    for chosen in (
        PackageSet("demo", ("sim", "cc")),
        PackageSet("test", ("sim", "cc", "test")),
        PackageSet("lint", ("lint",)),
        PackageSet("docs", ("docs", "tflite")),
        PackageSet("lock", groups=(INSTALLERS, "lock")),
        PackageSet("release", groups=(INSTALLERS, "release")),
    )
}
