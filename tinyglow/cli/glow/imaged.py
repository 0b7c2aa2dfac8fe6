"""A network and the images it takes. Each supplies what the options leave open about the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tinyglow.cli.glow.parse import GlowArguments
from tinyglow.errors import InputError, Problem

if TYPE_CHECKING:
    from tinyglow.ir.graph import Array, Graph


def _input_shape(graph: Graph) -> tuple[int, ...]:
    """Shape of one image. Raises InputError unless the network has one input, of one sample."""
    shapes = [graph.type_of(name).shape for name in graph.inputs]
    if len(shapes) != 1 or shapes[0][:1] != (1,):
        found = ", ".join(f"{name} {list(shape)}" for name, shape in zip(graph.inputs, shapes, strict=True))
        expected = "one input, with a first dimension of 1"
        hint = "'tinyglow model-profiler' takes any inputs"
        raise InputError("the network takes no single image", [Problem("inputs", found, expected, hint)])
    return shapes[0][1:]


def load_model_and_images(
    options: GlowArguments, files: Sequence[str | Path], progress: Callable[[int], None] | None = None
) -> tuple[Graph, Array]:
    """The network and its images [samples, *shape of its input], float32.

    progress(n) is called when n more images are read. Raises InputError with every image that does not fit.
    """
    from tinyglow.cli.glow.session import image_options, load_model, model_inputs
    from tinyglow.images import load_images

    given = model_inputs(options)
    shape = given[0].shape[1:] if len(given) == 1 else ()
    if shape:  # or else the images say it
        graph = load_model(options, shape)
        images = load_images(files, image_options(options), _input_shape(graph), progress)
    else:
        images = load_images(files, image_options(options), (), progress)
        graph = load_model(options, images.shape[1:])
        if images.shape[1:] != _input_shape(graph):  # to say which image, and what is expected of it
            images = load_images(files, image_options(options), _input_shape(graph))
    return graph, images.reshape(-1, *graph.type_of(graph.inputs[0]).shape)
