"""A source group for MCUXpresso: the bundle, and an example laid out as the Glow examples of NXP's SDK are.

The layout: ``source/main.c``, ``timer.c`` and the input as text beside it (nxp-mcuxpresso/mcux-sdk-examples,
``evkmimxrt1060/eiq_examples/glow_lenet_mnist``); the SDK's board files come from the user's project.
"""

from __future__ import annotations

from collections.abc import Mapping

from tinyglow import resources
from tinyglow.bundle.packages import Parts

NAME = "mcuxpresso"
SUMMARY = "sources for MCUXpresso, with a main.c as NXP's Glow examples have it"
SEVERAL = False  # the example runs one network


def files(parts: Parts) -> Mapping[str, bytes]:
    """The group's files by path."""
    from tinyglow.bundle.project import answer, lines_of, sample_files

    def as_text(sample: bytes) -> bytes:
        """An input as the text of a C array."""
        return "".join(f"{line}\n" for line in lines_of(sample)).encode("ascii")

    names = [one.name for one in parts.info.inputs]
    # NXP's examples have one input, and call it so.
    images = {name: f"input_{name}.inc" for name in names} if names[1:] else {names[0]: "input_image.inc"}
    more: dict[str, object] = {
        **answer(parts.info.outputs[0], percent=False),
        "images": images,
        "in_ram": parts.info.weights_in_ram,
        "count": len(parts.samples.fingerprints),
    }
    timer = resources.TEMPLATES / "package" / "mcuxpresso"
    return {
        f"{parts.info.name}.cmake": parts.render("mcuxpresso/sources.cmake.j2"),
        "README.md": parts.render("mcuxpresso/README.md.j2", **more),
        "source/main.c": parts.render("mcuxpresso/main.c.j2", **more),
        **{f"source/timer.{suffix}": (timer / f"timer.{suffix}").read_bytes() for suffix in ("c", "h")},
        **{f"source/{images[name]}": as_text(parts.samples.inputs[name][0]) for name in names},
        **{f"source/{name}": data for name, data in sample_files(parts.info, parts.samples).items()},
        **{f"source/bundle/{name}": data for name, data in parts.bundle.items()},
    }
