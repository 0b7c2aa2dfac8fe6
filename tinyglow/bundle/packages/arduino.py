"""An Arduino library, in the layout of the Arduino library specification, revision 1.5: src, examples, properties."""

from __future__ import annotations

from collections.abc import Mapping

from tinyglow.bundle.packages import Parts
from tinyglow.bundle.render import render

NAME = "arduino"
SUMMARY = "a library for Arduino's IDE and command line, with a sketch"


def files(parts: Parts) -> Mapping[str, bytes]:
    """The library's files by path."""
    # A library's name begins with a letter or a digit; a network's may begin with an underscore.
    context = {**parts.context, "title": parts.info.name.lstrip("_") or "network"}
    sketch = f"examples/{parts.info.name}_example"
    texts = {
        "library.properties": render("package/arduino/library.properties.j2", **context),
        "keywords.txt": render("package/arduino/keywords.txt.j2", **context),
        "README.md": render("package/arduino/README.md.j2", **context),
        f"{sketch}/{parts.info.name}_example.ino": render("package/arduino/example.ino.j2", **context),
    }
    return {
        **{path: text.encode("utf-8") for path, text in texts.items()},
        **{f"src/{name}": data for name, data in parts.bundle.items()},
        **{f"{sketch}/{name}": data for name, data in parts.check().items()},
    }
