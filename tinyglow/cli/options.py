"""Options that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from tinyglow.numerics.names import NUMERICS

# Adds a command: (name, its function, one line about it, examples) -> its parser. With raw=True its arguments are not
# looked at: they reach the function as ``rest``.
AddCommand = Callable[..., argparse.ArgumentParser]


MODEL_HELP = "the network: an ONNX or TFLite file, a Caffe2 folder, a Caffe .prototxt, a Keras file"


def add_model(parser: argparse.ArgumentParser, dump: bool = True, required: bool = True) -> None:
    """The model and what goes with it; ``dump``: whether the command has stations whose results can be written."""
    count = None if required else "?"
    parser.add_argument("model", metavar="MODEL", nargs=count, help=MODEL_HELP)
    parser.add_argument(
        "--define", metavar="N=1", action="append", default=[], help="size of a symbolic dimension; may be repeated"
    )
    parser.add_argument(
        "--input-shape",
        metavar="NAME=1,3,32,32",
        action="append",
        default=[],
        help="shape of an input whose dimensions have no names; may be repeated (a first one without a name is 1)",
    )
    parser.add_argument(
        "--output-name",
        metavar="NAME",
        action="append",
        default=[],
        help="end the network at this value of the model, and leave out what lies behind; may be repeated",
    )
    parser.add_argument(
        "--state",
        metavar="IN=OUT",
        action="append",
        default=[],
        help="keep an input inside the network: it becomes this output for the next call; may be repeated",
    )
    parser.add_argument(
        "--model-weights",
        metavar="FILE",
        default="",
        help="the second file of a Caffe2 or Caffe network, if it lies elsewhere",
    )
    if dump:
        parser.add_argument("--dump", metavar="DIR", help="write each station's result there as text")


def add_profile(parser: argparse.ArgumentParser) -> None:
    """The ranges to quantize by."""
    help_ = "ranges, from 'tinyglow profile' or Glow; none for a model that is quantized already"
    parser.add_argument("--profile", metavar="FILE", help=help_)


def add_graph(parser: argparse.ArgumentParser) -> None:
    """Which graph: ours, or Glow's to the node."""
    help_ = "tiny: the simplest graph (default); glow: exactly what Glow would quantize"
    parser.add_argument("--graph", choices=("tiny", "glow"), default="tiny", help=help_)


def add_scheme(parser: argparse.ArgumentParser) -> None:
    """How to quantize; each option has Glow's name too."""
    group = parser.add_argument_group("quantization")
    schemas = ("asymmetric", "symmetric", "symmetric_with_uint8", "symmetric_with_power2_scale")
    group.add_argument(
        "--schema", "--quantization-schema", choices=schemas, default=schemas[0], help="default: %(default)s"
    )
    group.add_argument(
        "--precision",
        type=str.lower,
        choices=("int8", "int16"),
        default="int8",
        help="of activations; int16 (tinyglow's own: Glow's Int16 silently stays float): symmetric, with int8 weights "
        "per output unit and biases as wide as the sums need (default: %(default)s)",
    )
    group.add_argument(
        "--bias",
        "--quantization-precision-bias",
        type=str.lower,
        choices=("int32", "int8"),
        default="int32",
        help="type of biases (default: %(default)s)",
    )
    group.add_argument(
        "--channelwise",
        "--enable-channelwise",
        action="store_true",
        help="convolutions get a scale for each output channel",
    )
    group.add_argument(
        "--calibration",
        "--quantization-calibration",
        type=str.lower,
        choices=("none", "kl"),
        default="none",
        help="kl: narrow ranges by divergence; the profile needs at least 255 bins (default: %(default)s)",
    )
    group.add_argument("--calibrate-constants", action="store_true", help="calibrate weights too")
    group.add_argument(
        "--keep-float",
        "--keep-original-precision-for-nodes",
        metavar="KINDS",
        default="",
        help="node kinds that stay float, by Glow's names, separated by commas",
    )
    group.add_argument(
        "--channelwise-node",
        metavar="NODE",
        action="append",
        default=[],
        help="a node of the model whose channels get a scale each; may be repeated",
    )
    group.add_argument(
        "--float-node", metavar="NODE", action="append", default=[], help="a node of the model that stays float"
    )
    group.add_argument(
        "--int16-node",
        metavar="NODE",
        action="append",
        default=[],
        help="a node of the model whose values are int16, as those of a recurrent layer's steps; may be repeated",
    )
    group.add_argument("--float-io", action="store_true", help="keep inputs and outputs float32")
    group.add_argument(
        "--numerics",
        choices=tuple(NUMERICS),
        help="whose rounding the integers have, to the bit: Glow's bundles, LiteRT's reference kernels, or "
        "ONNX as onnxruntime computes it (default: of a quantized model that of its own runtime, tflite or onnx, if "
        "all its operators have it; else glow)",
    )
    add_graph(parser)


def add_inputs(
    parser: argparse.ArgumentParser, required: bool = True, role: str = "one for each input", by_name: bool = False
) -> None:
    """Arrays for the inputs.

    role: what the command does with them. by_name: as for ``read_inputs``.
    """
    alone = "" if by_name else "; a single input needs no NAME="
    parser.add_argument(
        "--input",
        metavar="NAME=X.npy",
        action="append",
        default=[],
        required=required,
        help="samples for an input: an array in a .npy or .npz file whose first dimension counts samples, a .csv file "
        "with a sample on each line, or a folder of images (of folders, which are its classes), "
        f"{role}{alone}; or a .npz file with the arrays of all inputs",
    )
    add_image_options(parser)


def add_image_options(parser: argparse.ArgumentParser) -> None:
    """How images become numbers."""
    group = parser.add_argument_group("folders of images")
    group.add_argument(
        "--image-mode",
        choices=("pixels", "0to1", "neg1to1", "0to255", "neg128to127"),
        help="what pixels become: uint8 as they are, or float32 with black and white at these ends",
    )
    group.add_argument("--image-layout", choices=("NCHW", "NHWC"), default="NCHW", help="default: %(default)s")
    group.add_argument("--image-channel-order", choices=("RGB", "BGR"), default="RGB", help="default: %(default)s")


def add_board(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """The board to make it for, or to run it on."""
    help_ = "a board ('tinyglow boards' lists them), 'host', or a board file"
    parser.add_argument("--board", metavar="BOARD", required=required, help=help_)


def add_board_or_core(parser: argparse.ArgumentParser) -> None:
    """A board; or a core that is no Arm core, which gets portable C and has no board file."""
    where = parser.add_mutually_exclusive_group(required=True)
    help_ = "a board ('tinyglow boards' lists them), 'host', or a board file"
    where.add_argument("--board", metavar="BOARD", help=help_)
    help_ = "in place of a board: a core without a board file and without a cycle model: riscv32, xtensa or cortex-m55"
    where.add_argument("--target", metavar="CORE", help=help_)


def add_placement(parser: argparse.ArgumentParser) -> None:
    """Where the weights lie on a board, and whether its memories' waiting is counted."""
    parser.add_argument(
        "--weights",
        choices=("flash", "ram"),
        default="flash",
        help="where the weights lie on a board; in RAM, start-up code copies them there (default: %(default)s)",
    )
    parser.add_argument(
        "--waits", action="store_true", help="also count what the board's memories make the core wait (slower)"
    )


def add_trust(parser: argparse.ArgumentParser) -> None:
    """Whether a bundle of somebody else's is built."""
    help_ = "build the bundle's sources as they are, although tinyglow did not write them here: only if you know them"
    parser.add_argument("--trust", action="store_true", help=help_)


def add_compiler(parser: argparse.ArgumentParser) -> None:
    """Which C compiler."""
    parser.add_argument(
        "--cc",
        metavar="CC",
        default="auto",
        help="C compiler: auto, zig, gcc (arm-none-eabi-gcc for boards), clang or a path (default: %(default)s)",
    )


def add_tcm(parser: argparse.ArgumentParser) -> None:
    """Fast memory."""
    help_ = "fast memory for the buffers with the most traffic, which the application lends as glow_tcm_addr"
    parser.add_argument("--tcm-size", metavar="BYTES", type=int, default=0, help=help_)


def add_place(parser: argparse._ActionsContainer) -> None:
    """Constants in faster memories."""
    parser.add_argument(
        "--place",
        metavar="MEMORY[=BYTES]",
        action="append",
        default=[],
        help="put the constants that are read most in a faster memory of the board, at most so many bytes, in arrays "
        "of their own; may be given for two memories; auto: the fastest with room",
    )


def add_bundle(parser: argparse.ArgumentParser) -> None:
    """What the bundle's interface looks like; each option of Glow's has its name."""
    group = parser.add_argument_group("bundle")
    group.add_argument(
        "--bundle-api",
        choices=("static", "dynamic"),
        default="static",
        help="dynamic: also a BundleConfig with a symbol table (default: %(default)s)",
    )
    group.add_argument(
        "--rename",
        metavar="OLD=NEW",
        action="append",
        default=[],
        help="another name for an input or output in C; may be repeated",
    )
    group.add_argument("--bundle-api-verbose", action="store_true", help="list the constants in the header too")
    group.add_argument(
        "--weights",
        choices=("flash", "ram"),
        default="flash",
        help="ram: the constants are not const, start-up code copies them (default: %(default)s)",
    )
    add_place(group)
    group.add_argument("--weights-asm", action="store_true", help="also NET.weights.S, which takes in NET.weights.bin")
    group.add_argument("--bundle-utils", action="store_true", help="also glow_bundle_utils.h and .c, for hosts")
    group.add_argument("--object", action="store_true", help="also NET.o for the board's core, built with --cc")
    add_tcm(parser)


def add_target(parser: argparse.ArgumentParser) -> None:
    """What kernels are chosen by."""
    parser.add_argument(
        "--optimize",
        choices=("speed", "balanced", "size"),
        default="speed",
        help="what kernels are chosen by: cycles, their product with flash, or flash, for which weights may be "
        "entropy-coded and all code is compiled for size (default: %(default)s)",
    )
    parser.add_argument(
        "--weights-as-code",
        choices=("auto", "never", "always"),
        default="auto",
        help="weights of small layers as instructions, zeros left out: where it is fastest, or as said",
    )
    parser.add_argument(
        "--transformed-weights",
        action="store_true",
        help="weights of 3x3 convolutions as Winograd's algorithm takes them, where that is faster: 32 bytes for 9, "
        "48 without the DSP extension; --max-flash allows them by itself",
    )
    parser.add_argument(
        "--wrap",
        action="store_true",
        help="compile what may leave 32 bits for some input; it wraps, as in Glow's bundles",
    )
    parser.add_argument(
        "--reuse-inputs",
        action="store_true",
        help="let activations lie where the input was: less RAM, and an inference destroys its input",
    )
    parser.add_argument(
        "--line-buffers",
        action="store_true",
        help="compute chains of layers depth-first, a few rows at a time, with line buffers between them: less RAM, "
        "the same answers; --max-ram allows it by itself",
    )
    parser.add_argument(
        "--push-rows",
        action="store_true",
        help="let the application hand in the input a few rows at a time, with <net>_push_rows: the input needs no "
        "memory as a whole, and --max-ram counts the rows of one call",
    )


def add_budget(parser: argparse.ArgumentParser) -> None:
    """Limits that choose other kernels where the fastest need too much."""
    parser.add_argument("--max-flash", metavar="BYTES", type=int, help="limit of code, constants and weights")
    parser.add_argument("--max-ram", metavar="BYTES", type=int, help="limit of placeholders and activations")


def add_sequence(parser: argparse.ArgumentParser) -> None:
    """Where states are reset."""
    help_ = "reset the states after so many samples (default: samples follow each other to the end)"
    parser.add_argument("--sequence", metavar="N", type=int, help=help_)


def add_stream(parser: argparse.ArgumentParser) -> None:
    """A network that takes its sequence bit by bit."""
    group = parser.add_argument_group("streaming")
    group.add_argument(
        "--stream",
        metavar="AXIS",
        type=int,
        help="take a few elements along this dimension of the inputs at a time, and keep what is read of earlier ones "
        "in states (-1: the last); for causal networks",
    )
    group.add_argument(
        "--hop", metavar="N", type=int, default=1, help="elements that a call takes (default: %(default)s)"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Figures for programs."""
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def add_port(parser: argparse.ArgumentParser) -> None:
    """Where a page is served."""
    help_ = "port of the page, which only this machine can reach; 0: any that is free (default: %(default)s)"
    parser.add_argument("--port", metavar="N", type=int, default=8765, help=help_)
