"""A CMake package: ``find_package``, ``add_subdirectory`` and ``FetchContent`` all give the target tinyglow::NET."""

from __future__ import annotations

from collections.abc import Mapping

from tinyglow.bundle.packages import Parts

NAME = "cmake"
SUMMARY = "a library with an imported target, for find_package or add_subdirectory"


def files(parts: Parts) -> Mapping[str, bytes]:
    """The package's files by path."""
    return {
        "CMakeLists.txt": parts.render("cmake/CMakeLists.txt.j2"),
        f"cmake/{parts.info.name}Config.cmake": parts.render("cmake/Config.cmake.j2"),
        "README.md": parts.render("cmake/README.md.j2"),
        "example/main.c": parts.render("main.c.j2"),
        **{f"example/{name}": data for name, data in parts.check().items()},
        **parts.sources(),
    }
