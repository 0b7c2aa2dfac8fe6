"""A CMSIS-Pack: its description by Open-CMSIS-Pack's schema 1.7, the files, and all of it packed."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

from tinyglow.bundle.packages import Parts

NAME = "cmsis-pack"
SUMMARY = "a CMSIS-Pack with its description, unpacked and packed"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date that a zip file can hold: the same files are the same bytes
_READABLE = 0o644 << 16


def files(parts: Parts) -> Mapping[str, bytes]:
    """The pack's files by path, and the pack itself."""
    net = parts.info.name
    found = {
        f"tinyglow.{net}.pdsc": parts.render("cmsis/pdsc.j2"),
        "README.md": parts.render("cmsis/README.md.j2"),
        **{f"check/{name}": data for name, data in parts.check().items()},
        **parts.sources(),
    }
    return {**found, f"tinyglow.{net}.{parts.version}.pack": _packed(found)}


def _packed(contents: Mapping[str, bytes]) -> bytes:
    """A zip file."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in sorted(contents.items()):
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, _READABLE
            archive.writestr(entry, data)
    return target.getvalue()
