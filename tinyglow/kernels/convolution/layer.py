"""An int8 convolution as its kernels take it: weights free of offsets, biases, proofs about its sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import Kernel, Operand, Params, Role
from tinyglow.ir.op import Lowering
from tinyglow.ir.record import Record
from tinyglow.ir.sums import Limits, SumRange
from tinyglow.ir.target import Variant
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.kernels.accumulator import (
    bias_or_wrapped,
    bias_overflows,
    check_accumulator,
    output_requant,
    overflow_of,
    prepared_bias,
)
from tinyglow.kernels.activation import Activation
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import ChannelWords, Epilogue
from tinyglow.numerics.epilogues.glow import FOLDED_OFFSET, GLOW, HIGH_WORD, fits_high_word


class ConvLayer(Record, eq=False):
    """A quantized convolution that is being lowered.

    Attributes:
        node: The node.
        sizes: Fields of ConvSizes.
        filters: int8 [out_c, kernel_h, kernel_w, in_c / group], as stored.
        filter_offsets: The filters' offsets, one for all or one for each channel.
        bias: int32 [out_c], with which Glow starts its sums of (x - in_offset) * w.
        requants: The requantization of each channel.
        in_offset: The input's offset.
        out: The output's parameters.
        activation: Fields act_min ... negative.
        per_channel: Whether each channel has its own scale.
        pool: See PooledGeometry.
        epilogue: How sums are requantized.
        wraps: Whether sums may leave 32 bits: then only kernels whose sums wrap may compute it.
    """

    node: Node
    sizes: dict[str, Any]
    filters: Array
    filter_offsets: Array
    bias: Array
    requants: Sequence[glow.Requant]
    in_offset: int
    out: QuantParams
    activation: dict[str, Any]
    per_channel: bool
    pool: int = 0
    epilogue: Epilogue = GLOW
    wraps: bool = False

    @cached_property
    def weights(self) -> Array:
        """int32 [out_c, terms]: the filters less their offsets."""
        flat = self.filters.reshape(len(self.filters), -1).astype(np.int32)
        return flat - self.filter_offsets.reshape(-1, 1)

    @property
    def is_dense(self) -> bool:
        """Whether every output channel reads all input channels, and windows have no gaps."""
        return bool(self.sizes["group"] == self.sizes["dilation_h"] == self.sizes["dilation_w"] == 1)

    @property
    def is_depthwise(self) -> bool:
        """Whether each channel is filtered by itself, and windows have no gaps."""
        sizes = self.sizes
        by_channel = sizes["group"] == sizes["in_c"] == sizes["out_c"]
        return bool(by_channel and sizes["dilation_h"] == sizes["dilation_w"] == 1)

    @property
    def is_uniform(self) -> bool:
        """Whether one scale serves all channels, and the activation is not leaky."""
        return not (self.per_channel or self.activation["leaky"])

    @property
    def scales(self) -> Array | None:
        """The words of ``Epilogue.folded``, if each channel has its own scale; see ``_words``."""
        return self._words(self.epilogue.folded)

    @property
    def narrow_epilogue(self) -> Epilogue:
        """What kernels in the instructions of ARMv6-M have: ``Epilogue.narrow`` where all sums meet its obligation."""
        narrow = self.epilogue.narrow
        return narrow if narrow is not None and self.proves(narrow.folded) else self.epilogue

    @property
    def narrow_scales(self) -> Array | None:
        """As ``scales``, of ``narrow_epilogue``."""
        return self._words(self.narrow_epilogue.folded)

    @property
    def high_scales(self) -> Array | None:
        """The words of ``Epilogue.high``, if each channel has its own scale; see ``_words``."""
        return self._words(self.epilogue.high)

    def _words(self, form: ChannelWords) -> Array | None:
        """None where one scale serves all channels, the activation is leaky, or the form does not fit all sums."""
        if not self.per_channel or self.activation["leaky"] or not self.proves(form):
            return None
        return form.words(self.requants)

    @property
    def one_filter_offset(self) -> int | None:
        """The offset of all filters, if that is one: Glow's with a scale for each channel have none."""
        offsets = set(self.filter_offsets.tolist())
        return offsets.pop() if len(offsets) == 1 else None

    @property
    def geometry(self) -> dict[str, Any]:
        """Fields of ConvGeometry."""
        return {**self.sizes, "in_offset": self.in_offset, **self.activation}

    @property
    def folded_bias(self) -> Array | None:
        """int32 [out_c]: the bias of sums of x * weight, without the input's offset; None where one might overflow."""
        weights = self.weights.astype(np.int64)
        folded = self.bias - self.in_offset * weights.sum(axis=1)
        largest = np.abs(weights).sum(axis=1) * -glow.INT8_MIN + np.abs(folded)
        return folded.astype(np.int32) if int(largest.max(initial=0)) <= glow.INT32_MAX else None

    def sum_range(self, limits: Limits | None = None) -> SumRange:
        """What the proof of a bundle says of its sums. limits: a kernel's other intermediates."""
        return SumRange(*self.sum_bounds(), self.requants, limits or {}, self.wraps)

    def sum_bounds(self) -> tuple[Array, Array]:
        """The least and the largest sum of each channel over all int8 inputs: int64 [out_c]."""
        weights = self.weights.astype(np.int64)
        low, high = glow.INT8_MIN - self.in_offset, glow.INT8_MAX - self.in_offset
        positive, negative = np.maximum(weights, 0).sum(axis=1), np.minimum(weights, 0).sum(axis=1)
        # A tap in the padding counts as 0, which lies between them.
        return self.bias + positive * low + negative * high, self.bias + positive * high + negative * low

    @property
    def monotone(self) -> bool:
        """Whether a larger sum never gives a smaller output: nothing wraps, and the activation is not leaky."""
        if self.epilogue is not GLOW:  # which never falls where it is defined
            return not self.activation["leaky"]
        return not self.activation["leaky"] and self.proves(HIGH_WORD)

    @property
    def offset_folds(self) -> bool:
        """Whether the offset may be added before a requantization's last shift, and the activation is not leaky."""
        return self.monotone and self.proves(FOLDED_OFFSET)

    @property
    def is_high_word(self) -> bool:
        """Whether SMMLAR alone requantizes a sum: it is not shifted first, nothing wraps or is leaky."""
        return self.is_uniform and self.monotone and not self.requants[0].pre and fits_high_word(self.requants[0])

    def variant(
        self,
        kernel: Kernel,
        params: Params,
        lowering: Lowering,
        constants: Mapping[str, Array],
        code: int = 0,
        limits: Limits | None = None,
    ) -> Variant | None:
        """The layer as one call of a kernel.

        Args:
            kernel: The kernel.
            params: Its parameters.
            lowering: Takes the call.
            constants: Data of the operands other than image and result, by their names.
            code: Bytes of code that an operand becomes.
            limits: The kernel's other intermediates (``SumRange``).

        Returns:
            The variant, with its predicted cycles; None where the kernel's loop does not take the layer's epilogue.
        """
        if self.epilogue is not GLOW and not kernel.epilogues:
            return None
        kernel = kernel.with_epilogue(self.narrow_epilogue if kernel.in_armv6m else self.epilogue)
        weights, bias = self.node.inputs[1:3]
        names = {"filter": weights, "bias": bias, "channels": f"{weights}_channels"}

        def buffer(operand: Operand) -> str:
            if operand.role is Role.OUT:
                return lowering.buffer(self.node.outputs[0])
            if operand.role is Role.CODE:
                return lowering.code(weights, constants[operand.name])
            if operand.name in constants:
                return lowering.constant(names[operand.name], constants[operand.name])
            return lowering.buffer(self.node.inputs[0])

        def emit() -> None:
            lowering.call(kernel, [buffer(operand) for operand in kernel.operands], params, sums=self.sum_range(limits))

        cycles = lowering.target.cycles(kernel, params, [constants.get(operand.name) for operand in kernel.operands])
        stored = [operand.name for operand in kernel.operands if operand.role is Role.IN and operand.name in constants]
        nbytes = code + sum(constants[name].nbytes for name in stored)
        return Variant(kernel.symbol, cycles, nbytes, emit, code, kernel.scratch(params) if kernel.scratch else 0)

    def proves(self, form: ChannelWords) -> bool:
        """Whether all sums that the layer can have meet the obligation of a form of the epilogue."""
        low, high = self.sum_bounds()
        return form.holds_for(zip(low.tolist(), high.tolist(), strict=True), self.requants)


def conv_layer(
    node: Node,
    types: Sequence[TensorType],
    constants: tuple[Array, Array],
    sizes: dict[str, Any],
    activation: Activation,
    pool: int = 0,
    wraps: bool = False,
) -> ConvLayer:
    """What is known of a quantized convolution.

    Args:
        node: The node.
        types: Types of image, filters, bias and result.
        constants: Filters int8 [out_c, kh, kw, in_c / group] and bias [out_c].
        sizes: Fields of ConvSizes.
        activation: The activation that the kernel applies.
        pool: See PooledGeometry.
        wraps: Whether sums may leave 32 bits.

    Returns:
        The layer.

    Raises:
        UnsupportedError: Its sums may overflow, and must not.
    """
    image, filters, bias, out = types
    weights, biases = constants
    assert image.quant and out.quant
    per_channel = filters.channel_params()
    sums, overflows = _start_of_sums((weights, filters), (biases, bias), image.quant, wraps)
    return ConvLayer(
        node=node,
        sizes=sizes,
        filters=weights,
        filter_offsets=np.array([params.offset for params in per_channel], np.int32),
        bias=sums,
        requants=[output_requant(image.quant, params, out.quant) for params in per_channel],
        in_offset=image.quant.offset,
        out=out.quant,
        activation=activation.constants(out.quant),
        per_channel=filters.quant is None,
        pool=pool,
        wraps=overflows,
    )


def _start_of_sums(
    filters: tuple[Array, TensorType], bias: tuple[Array, TensorType], image: QuantParams, wraps: bool
) -> tuple[Array, bool]:
    """The biases at the scale of each channel's sums, int32 [out_c]; and whether sums overflow, where they may."""
    (weights, filter_type), (data, bias_type) = filters, bias
    units = len(weights)
    if filter_type.quant is not None and bias_type.quant is not None:  # one scale for all: looked at together
        own = bias_type.quant, image, filter_type.quant
        if not bias_overflows(data, *own):
            start = prepared_bias(data, *own)
            if overflow_of(weights.reshape(units, -1), filter_type.quant, image, start) is None:
                return start, False
    starts, overflows = np.empty(units, np.int32), False
    channels = zip(filter_type.channel_params(), bias_type.channel_params(), strict=True)
    for i, (filter_params, bias_params) in enumerate(channels):
        starts[i : i + 1] = bias_or_wrapped(data[i : i + 1], bias_params, image, filter_params, wraps)
        unit = weights[i].reshape(1, -1), filter_params, image, starts[i : i + 1]
        if not wraps:
            check_accumulator(*unit, i)
        overflows = overflows or overflow_of(*unit) is not None
    return starts, overflows
