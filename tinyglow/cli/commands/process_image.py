"""``tinyglow process-image``: images as C text for a program to include, and back."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tinyglow.cli.glow.parse import GlowArguments, parse
from tinyglow.cli.options import AddCommand
from tinyglow.errors import InputError, Problem, reason
from tinyglow.resources import require_file, write_file

if TYPE_CHECKING:
    from tinyglow.images.serialize import Form

_SERIALIZED = (".inc", ".txt", ".bin", ".h")
_MAX_BYTES = 2**28


def register(command: AddCommand) -> None:
    """Add the command."""
    command("process-image", run, "NXP's glow_process_image: an image as C text to include, and back", raw=True)


def run(arguments: argparse.Namespace) -> int:
    """Write what the output path says."""
    options = parse("process-image", arguments.rest)
    if options is None:
        return 0
    source, target = Path(options.text("input-path")), Path(options.text("output-path"))
    form = _form(options)
    if not source.is_dir() and source.suffix.lower() in _SERIALIZED:
        files = {target: _image_of(options, source, target)}
    else:
        if form.type != "float32" and options.given("image-mode") and form.mode != "neg128to127":
            print(f"note: -image-mode means nothing for {form.type}", file=sys.stderr)
        files = _serialized(options, form, source, target)
    try:
        if source.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        for path, data in files.items():
            write_file(path, data)
            print(f'Image processed to file "{path}" ...')
    except OSError as error:
        raise InputError("cannot write the image", [Problem(str(target), reason(error))]) from error
    return 0


def _form(options: GlowArguments) -> Form:
    from tinyglow.images.serialize import Form

    return Form(
        type=options.text("image-type"),
        mode=options.text("image-mode"),
        layout=options.text("image-layout"),
        channel_order=options.text("image-channel-order"),
    )


def _serialized(options: GlowArguments, form: Form, source: Path, target: Path) -> dict[Path, bytes]:
    """Every file to write, of one image or of a folder. Raises InputError with all images that cannot be used."""
    from tinyglow.images import image_files
    from tinyglow.images.decode import SUFFIXES, NotAnImageError, decode
    from tinyglow.images.serialize import as_text, serialize

    kind, batch = options.text("output-format"), options.count("image-batch")
    sources = [path for path in image_files(source) if path.suffix.lower() in SUFFIXES] if source.is_dir() else [source]
    if not sources:
        raise InputError("no images to work on", [Problem(str(source), "holds none", ", ".join(SUFFIXES))])
    files: dict[Path, bytes] = {}
    problems = []
    for path in sources:
        try:
            pixels = decode(path)
            if not 1 <= batch * pixels.size <= _MAX_BYTES:
                raise NotAnImageError(f"-image-batch={batch} is too large or 0")
            data, shaped = serialize(pixels, form, batch)
        except NotAnImageError as error:
            problems.append(Problem(str(path), error.found, error.expected, error.hint))
            continue
        except ValueError as error:
            problems.append(Problem(str(path), str(error), "", "use -image-type=float32"))
            continue
        place = target / f"{path.stem}.{kind}" if source.is_dir() else target
        files[place] = data if kind == "bin" else as_text(data, shaped, str(path)).encode("utf-8")
    if problems:
        raise InputError("the images cannot be used", problems)
    return files


def _image_of(options: GlowArguments, source: Path, target: Path) -> bytes:
    """The image that a serialized one stands for."""
    from tinyglow.images import image_bytes
    from tinyglow.images.serialize import deserialize, form_of, parse_text

    names = {
        "type": "image-type",
        "mode": "image-mode",
        "layout": "image-layout",
        "channel_order": "image-channel-order",
    }
    chosen = {field: options.text(name) for field, name in names.items() if options.given(name)}
    try:
        shape = _shape(options.text("image-shape"))
        require_file(source)
        if source.stat().st_size > _MAX_BYTES:
            raise ValueError(f"is larger than {_MAX_BYTES} bytes")
        data = source.read_bytes()
        facts: dict[str, str] = {}
        if source.suffix.lower() != ".bin":
            data, facts = parse_text(data.decode("utf-8", "replace"))
        pixels = deserialize(data, form_of(facts, chosen, shape))
    except OSError as error:
        raise InputError("the image cannot be read", [Problem(str(source), reason(error))]) from error
    except ValueError as error:
        raise InputError("the image cannot be read", [Problem(str(source), str(error))]) from error
    return image_bytes(pixels, target.suffix)


def _shape(text: str) -> tuple[int, ...]:
    """Sizes of -image-shape, () without it. Raises ValueError."""
    if text and not re.fullmatch(r"\[?[0-9]{1,6}(,[0-9]{1,6}){3}\]?", text):
        raise ValueError(f"-image-shape={text} is not understood; expected four sizes, as in 1,28,28,1")
    return tuple(int(size) for size in text.strip("[]").split(",") if size)
