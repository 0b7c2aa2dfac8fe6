"""An Arduino library, in the layout of the Arduino library specification, revision 1.5: src, examples, properties."""

from __future__ import annotations

from collections.abc import Mapping

from tinyglow.bundle.packages import Parts

NAME = "arduino"
SUMMARY = "a library for Arduino's IDE and command line, with a sketch"


def files(parts: Parts) -> Mapping[str, bytes]:
    """The library's files by path."""
    net = parts.info.name
    # A library's name begins with a letter or a digit; a network's may begin with an underscore.
    title = net.lstrip("_") or "network"
    sketch = f"examples/{net}_example"
    return {
        "library.properties": parts.render("arduino/library.properties.j2", title=title),
        "keywords.txt": parts.render("arduino/keywords.txt.j2"),
        "README.md": parts.render("arduino/README.md.j2", title=title),
        f"{sketch}/{net}_example.ino": parts.render("arduino/example.ino.j2"),
        **{f"{sketch}/{name}": data for name, data in parts.check().items()},
        **parts.sources(),
    }
