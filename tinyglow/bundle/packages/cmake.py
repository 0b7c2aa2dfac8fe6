"""A CMake package: ``find_package``, ``add_subdirectory`` and ``FetchContent`` all give the target tinyglow::NET."""

from __future__ import annotations

from collections.abc import Mapping

from tinyglow.bundle.packages import Parts
from tinyglow.bundle.render import render

NAME = "cmake"
SUMMARY = "a library with an imported target, for find_package or add_subdirectory"


def files(parts: Parts) -> Mapping[str, bytes]:
    """The package's files by path."""
    context = parts.context
    texts = {
        "CMakeLists.txt": render("package/cmake/CMakeLists.txt.j2", **context),
        f"cmake/{parts.info.name}Config.cmake": render("package/cmake/Config.cmake.j2", **context),
        "example/main.c": render("package/cmake/main.c.j2", **context),
        "README.md": render("package/cmake/README.md.j2", **context),
    }
    return {
        **{path: text.encode("utf-8") for path, text in texts.items()},
        **{f"src/{name}": data for name, data in parts.bundle.items()},
        **{f"example/{name}": data for name, data in parts.check().items()},
    }
