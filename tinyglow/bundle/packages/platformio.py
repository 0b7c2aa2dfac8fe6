"""A PlatformIO library: library.json, sources, and an example that runs on any platform with a C library."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tinyglow.bundle.packages import Parts

NAME = "platformio"
SUMMARY = "a library for PlatformIO, with an example"


def files(parts: Parts) -> Mapping[str, bytes]:
    """The library's files by path."""
    net, example, check = parts.info.name, "examples/check", parts.check()
    manifest = {
        "name": net,
        "version": parts.version,
        "description": f"The neural network {net} as portable C, compiled by tinyglow",
        "keywords": ["neural network", "int8", "inference"],
        "license": "Apache-2.0",
        "frameworks": "*",
        "platforms": "*",
        "headers": f"{net}.h",
        # A fused multiply-add rounds once where the network was compiled to round twice.
        "build": {"srcDir": "src", "includeDir": "src", "flags": ["-ffp-contract=off"]},
        "examples": [{"name": "check", "base": example, "files": ["main.c", *sorted(check)]}],
    }
    return {
        "library.json": (json.dumps(manifest, indent=2) + "\n").encode("utf-8"),
        "README.md": parts.render("platformio/README.md.j2"),
        f"{example}/main.c": parts.render("main.c.j2"),
        **{f"{example}/{name}": data for name, data in check.items()},
        **parts.sources(),
    }
