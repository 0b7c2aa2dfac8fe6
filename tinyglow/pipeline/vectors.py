"""Samples as the bytes of a bundle's placeholders, and back."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tinyglow.bundle.header import BundleInfo, Placeholder
from tinyglow.errors import InputError, Problem
from tinyglow.interp import output_shape, quantized_input
from tinyglow.ir.graph import Array
from tinyglow.ir.namer import legal_name
from tinyglow.pipeline.binding import bind_inputs


def _rows(placeholder: Placeholder, array: Array) -> list[bytes]:
    try:
        rows = quantized_input(array, placeholder.type)
    except ValueError as error:
        problem = Problem(f"input {placeholder.name}", str(error), str(placeholder.type))
        raise InputError("the inputs do not fit the bundle", [problem]) from error
    return [np.ascontiguousarray(row).tobytes() for row in rows]


def output_of(placeholder: Placeholder, memories: list[bytes]) -> Array:
    """The array [samples, *shape] of an output, from the mutable memory after each sample."""
    type_ = placeholder.type
    pieces = [memory[placeholder.offset : placeholder.offset + type_.nbytes] for memory in memories]
    array: Array = np.frombuffer(b"".join(pieces), type_.dtype).reshape(len(pieces), *output_shape(type_))
    return array


def _inputs_of(info: BundleInfo, given: Mapping[str, Array]) -> list[Placeholder]:
    """The input placeholders. Glow's own headers do not mark them: there, those that are given are."""
    names = {legal_name(name) for name in given if name}
    return info.inputs or [p for p in info.placeholders if p.name in names] or list(info.placeholders)


def input_vectors(info: BundleInfo, given: Mapping[str, Array]) -> dict[Placeholder, list[bytes]]:
    """The bytes of every sample for each input, from arrays [samples, *shape] by name. Raises InputError."""
    wanted = {p.name: p for p in _inputs_of(info, given)}
    pixels = {name: p.pixels for name, p in wanted.items() if p.pixels is not None}
    bound = bind_inputs({name: p.type.shape for name, p in wanted.items()}, {}, given, pixels)
    return {wanted[name]: _rows(wanted[name], array) for name, array in bound.items()}
