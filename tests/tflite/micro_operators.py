"""The operators that TensorFlow Lite Micro has a registration for, and what becomes of each here.

The names are those of its micro_mutable_op_resolver.h of August 2026: builtin operators, then custom ones by the names
that files have. Names that both lists lack are no operators of TensorFlow Lite Micro.
"""

from __future__ import annotations

from tinyglow.frontend.refusal import advice
from tinyglow.registry import TFLITE_OPS

_BUILTIN = """
ABS ADD ADD_N ARG_MAX ARG_MIN ASSIGN_VARIABLE AVERAGE_POOL_2D BATCH_MATMUL BATCH_TO_SPACE_ND BROADCAST_ARGS
BROADCAST_TO CALL_ONCE CAST CEIL CONCATENATION CONV_2D COS CUMSUM DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE
DIV DYNAMIC_UPDATE_SLICE ELU EMBEDDING_LOOKUP EQUAL EXP EXPAND_DIMS FILL FLOOR FLOOR_DIV FLOOR_MOD
FULLY_CONNECTED GATHER GATHER_ND GREATER GREATER_EQUAL HARD_SWISH IF L2_NORMALIZATION L2_POOL_2D LEAKY_RELU LESS
LESS_EQUAL LOG LOGICAL_AND LOGICAL_NOT LOGICAL_OR LOGISTIC LOG_SOFTMAX MAXIMUM MAX_POOL_2D MEAN MINIMUM
MIRROR_PAD MUL NEG NOT_EQUAL PACK PAD PADV2 PRELU QUANTIZE READ_VARIABLE REDUCE_ALL REDUCE_MAX REDUCE_MIN RELU
RELU6 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR REVERSE_V2 ROUND RSQRT SELECT_V2 SHAPE SIN SLICE SOFTMAX
SPACE_TO_BATCH_ND SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM SVDF
TANH TRANSPOSE TRANSPOSE_CONV UNIDIRECTIONAL_SEQUENCE_LSTM UNPACK VAR_HANDLE WHILE ZEROS_LIKE
"""
BUILTIN = tuple(_BUILTIN.split())
_CUSTOM = """
CIRCULAR_BUFFER ethos-u TFLite_Detection_PostProcess TFLM_DECODE SignalDelay SignalEnergy SignalFftAutoScale
SignalFilterBank SignalFilterBankLog SignalFilterBankSpectralSubtraction SignalFilterBankSquareRoot SignalFramer
SignalIrfft SignalOverlapAdd SignalPCAN SignalRfft SignalStacker SignalWindow
"""
CUSTOM = tuple(_CUSTOM.split())


def outcome(operator: str) -> str:
    """What the refusal says to do; nothing for an operator that is compiled."""
    return "" if operator in TFLITE_OPS else advice(operator)


def table() -> str:
    """The operators that are compiled, and a row for each that is refused."""
    names = [*BUILTIN, *(f"CUSTOM {name}" for name in CUSTOM)]
    refused = [name for name in names if outcome(name)]
    rows = "\n".join(f"| `{name}` | {outcome(name)} |" for name in refused)
    count = len(names) - len(refused)
    text = f"Of {len(names)} operators of TensorFlow Lite Micro {count} are compiled, and these are refused by name:"
    return f"{text}\n\n| operator | what to do |\n|---|---|\n{rows}"
