"""A Zephyr module: found by its zephyr/module.yml, switched on by Kconfig, with a sample application."""

from __future__ import annotations

from collections.abc import Mapping

from tinyglow.bundle.packages import Parts

NAME = "zephyr"
SUMMARY = "a module for Zephyr, with Kconfig and a sample application"
_TEMPLATES = {
    "zephyr/module.yml": "module.yml",
    "zephyr/CMakeLists.txt": "CMakeLists.txt",
    "zephyr/Kconfig": "Kconfig",
    "samples/check/CMakeLists.txt": "sample.cmake",
    "samples/check/prj.conf": "prj.conf",
    "samples/check/sample.yaml": "sample.yaml",
    "README.md": "README.md",
}


def files(parts: Parts) -> Mapping[str, bytes]:
    """The module's files by path."""
    option = f"TINYGLOW_{parts.info.name.upper()}"
    return {
        **{path: parts.render(f"zephyr/{name}.j2", option=option) for path, name in _TEMPLATES.items()},
        "samples/check/src/main.c": parts.render("main.c.j2"),
        **{f"samples/check/src/{name}": data for name, data in parts.check().items()},
        **parts.sources(),
    }
