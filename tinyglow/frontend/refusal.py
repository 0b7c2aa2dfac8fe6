"""Errors about models that are easy to read: problems of one kind together, with what to do and some of the nodes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from tinyglow.errors import ModelError, Problem
from tinyglow.frontend.cut import Step
from tinyglow.frontend.names import shown
from tinyglow.ir.op import UnsupportedError

_MOST_NAMED = 3
_TENSOR = "tensor"
_UNSUPPORTED = "unsupported operator"
_QUANTIZED = "give the float model, which tinyglow quantizes itself, or one that is quantized statically"
_UNROLL = "export it with fixed shapes and recurrent layers unrolled (Keras: unroll=True)"
_TAIL = "leave that to the application: --output-name ends the network before it"
_FUNCTION = "write it with Exp, Log, Erf, Sigmoid, Tanh, Clip, Mul and Add: int8 makes one table of them"
_OTHERWISE = (
    "write it with supported operators (docs/reference/operators.md), or end the network before it: --output-name"
)
# What to do about operators that are not supported, by a pattern of their names with domain.
_ADVICE = {
    r"DynamicQuantizeLinear|\w+Integer|(QLinear\w+|QAttention)( .*)?": _QUANTIZED,
    r"Loop|Scan|If|Sequence\w+|CALL": f"control flow: {_UNROLL}",
    r"CUSTOM Signal\w+": "compute the features before the network, and make them its input",
    r"CUSTOM TFLM_DECODE": "give the file before its weights were compressed",
    r"LSTM|GRU|RNN|(BI|UNI)DIRECTIONAL_SEQUENCE_(LSTM|RNN)": f"a recurrent layer: {_UNROLL}",
    r"NonMaxSuppression|TopK|TOPK_V2|NON_MAX_SUPPRESSION_V\d|CUSTOM TFLite_Detection_PostProcess": _TAIL,
    r"\w+ of domain 'ai\.onnx\.ml'": _TAIL,
    r"\w+ of domain 'com\.microsoft'": "save the model without onnxruntime's optimizations",
    r"CUSTOM ethos-u": "give the file that Vela was given",
    r"CUSTOM Flex\w+": "convert the model without SELECT_TF_OPS",
    r"CUSTOM .*": "replace the layer by ones that TFLite has itself",
    r"ConvTranspose": "use Resize (Upsample, UpSampling2D) and a Conv after it instead",
    r"(Layer|RMS|Group|Instance|MeanVariance)Normalization|LRN|LpNormalization|L2_NORMALIZATION|"
    r"LOCAL_RESPONSE_NORMALIZATION": "write it with ReduceMean, Sub, Pow, Sqrt and Div, as exporters do below opset 17",
    r"Reduce(L1|L2|LogSum|LogSumExp|SumSquare)": "write it with Mul or Abs, ReduceSum, Log and Sqrt",
    r"(?i)ReduceMin|REDUCE_MIN": "write it as Neg(ReduceMax(Neg(x)))",
    r"(?i)LogSoftmax|LOG_SOFTMAX": "write it as Log(Softmax(x)), or end the network before it: the largest stays so",
    r"(?i)Erfc": "ONNX has no operator of that name; write it as 1 - Erf(x)",
    r"(?i)HardSigmoid": "write it as Clip(alpha * x + beta, 0, 1)",
    r"(?i)Elu|Selu|Celu|Gelu|Mish|Swish|Softplus|Softsign|ThresholdedRelu|Shrink|A?(Sin|Cos|Tan)h": _FUNCTION,
    r"(?i)(Not_?)?Equal|(Greater|Less)(_?(Or)?_?Equal)?|Sign|And|Or|Xor|Not|Logical_(And|Or|Not)": (
        "as a choice between pieces write it with Relu, LeakyRelu, PRelu, Clip, Min or Max; as post-processing "
        "end the network before it: --output-name"
    ),
    r"(?i)A?(Sin|Cos|Tan)|DFT|STFT|\w+Window|MelWeightMatrix|RFFT2D": (
        "compute it before the network, and make the result an input"
    ),
    r"(?i)Attention|RotaryEmbedding|SwiGLU|Einsum": "write it with MatMul, Transpose, Softmax, Mul and Add",
    r"(?i)\w*(Scatter|Gather)\w+|OneHot|ONE_HOT|NonZero|Compress|Unique|Hardmax|\w*CumSum|CumProd|Trilu": _TAIL,
    r"(?i)Random\w+|Multinomial|Bernoulli|\w*Loss": "export the network for inference (PyTorch: model.eval())",
}


def advice(operator: str) -> str:
    """What to do about an operator that is not supported."""
    return next((text for pattern, text in _ADVICE.items() if re.fullmatch(pattern, operator)), _OTHERWISE)


def unsupported(operator: str, hint: str = "") -> UnsupportedError:
    """The error for an operator that is not supported; ``hint``: where there is no advice for it alone."""
    text = advice(operator)
    return UnsupportedError(f"{_UNSUPPORTED} {operator}", "", hint if hint and text == _OTHERWISE else text)


def refusal(problems: Sequence[Problem], end: str = "") -> ModelError:
    """The error for a model with problems, those that differ by their place alone in one line.

    end: where the network could end without operators that are not supported, or "".
    """
    kinds: dict[tuple[str, ...], list[Problem]] = {}
    problems = _dynamic_as_one(problems)
    for problem in problems:
        match = re.fullmatch(r"node .* (\(.*?\))", problem.where)
        place = f"node {match[1]}" if match else _TENSOR
        kinds.setdefault((place, problem.found, problem.expected, problem.hint), []).append(problem)
    ordered = sorted(kinds.items(), key=lambda item: (item[0][0] == _TENSOR, -len(item[1])))
    lines = [line for (place, *_), group in ordered for line in _joined(place, group)]
    of_nodes = [group for (place, *_), group in ordered if place != _TENSOR]
    count = (
        f": {sum(map(len, of_nodes))} nodes, {len(of_nodes)} kinds of problems" if len(lines) < len(problems) else ""
    )
    if end and all(problem.found.startswith(_UNSUPPORTED) or "--output-name" in problem.hint for problem in problems):
        lines.append(Problem("", end))
    return ModelError(f"the model cannot be imported{count}", lines)


def _dynamic_as_one(problems: Sequence[Problem]) -> Sequence[Problem]:
    """Problems with the operators of a model that is quantized dynamically become one: they have one reason."""
    if not any(problem.found == f"{_UNSUPPORTED} DynamicQuantizeLinear" for problem in problems):
        return problems
    part = re.compile(rf"{_UNSUPPORTED} (DynamicQuantizeLinear|\w+Integer)( .*)?")
    found = "the model is quantized dynamically (DynamicQuantizeLinear): its scales are computed at run time"
    others = [problem for problem in problems if not part.fullmatch(problem.found)]
    return [Problem("", found, "", _QUANTIZED), *others]


def _joined(place: str, group: list[Problem]) -> list[Problem]:
    """Many problems of a kind as one, with the first few places."""
    if len(group) <= _MOST_NAMED:
        return group
    names = [re.sub(r"^node (.*) \(.*?\)$", r"\1", problem.where) for problem in group]
    listed = f"{', '.join(names[:_MOST_NAMED])} and {len(names) - _MOST_NAMED} more"
    noun, _, kind = place.partition(" ")
    where = f"{len(group)} {noun}s{' ' + kind if kind else ''}"
    return [replace(group[0], where=where, found=f"{group[0].found}: {listed}")]


def where_to_end(steps: Sequence[Step], outputs: Iterable[str], lost: Collection[str], made: Collection[str]) -> str:
    """Where the network could end so that nothing is left that is not supported.

    Args:
        steps: The model's nodes.
        outputs: Names of its outputs.
        lost: Values that could not be imported.
        made: Results of nodes that could.

    Returns:
        Options that end it there; "" if that is unclear.
    """
    clean = [name for name in outputs if name in made and name not in lost]
    behind = [step for step in steps if any(name in lost for name in step.outputs)]
    if not clean and 3 * len(behind) <= len(steps):  # a tail that one value goes into
        into = dict.fromkeys(name for step in behind for name in step.inputs if name in made)
        clean = list(into) if len(into) == 1 else []
    if not behind or not 0 < len(clean) <= _MOST_NAMED:
        return ""
    import shlex

    options = " ".join(f"--output-name {shlex.quote(shown(name))}" for name in clean)
    return f"the rest is supported: {options} leaves out what is not"
