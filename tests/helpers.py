"""Small ONNX models for tests: built node by node, or drawn by hypothesis."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnx.shape_inference
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import tinyglow
from tinyglow.cli import main
from tinyglow.ir.program import Program
from tinyglow.quant.profile import load_profile
from tinyglow.testing.oracle.reference import repaired_operators

Array = npt.NDArray[np.generic]
Dims = Sequence[int | str]

MNIST_INPUT, MNIST_OUTPUT = "max_pooling_1_input", "dense_2"


def _with_pools_padded_before(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The same model with each MaxPool's padding as a Pad node, because onnx's reference MaxPool mixes up its axes."""
    model = onnx.ModelProto()
    model.CopyFrom(proto)
    del model.graph.node[:]
    for original in proto.graph.node:
        node = onnx.NodeProto()
        node.CopyFrom(original)
        pads = [attribute for attribute in node.attribute if node.op_type == "MaxPool" and attribute.name == "pads"]
        for attribute in pads:
            top, left, bottom, right = attribute.ints
            around, value, padded = (f"{node.output[0]}_{part}" for part in ("around", "value", "padded"))
            amounts = np.array([0, 0, top, left, 0, 0, bottom, right])
            model.graph.initializer.append(numpy_helper.from_array(amounts, around))
            model.graph.initializer.append(numpy_helper.from_array(np.array(-np.inf, np.float32), value))
            model.graph.node.append(helper.make_node("Pad", [node.input[0], around, value], [padded]))
            node.input[0] = padded
            node.attribute.remove(attribute)
        model.graph.node.append(node)
    return model


@dataclass(frozen=True)
class Net:
    """An ONNX model with float inputs; ``shapes`` are theirs with the symbols of ``define`` filled in."""

    proto: onnx.ModelProto
    shapes: Mapping[str, tuple[int, ...]]
    define: Mapping[str, int] = field(default_factory=dict)

    def save(self, folder: Path, name: str = "net.onnx") -> Path:
        """The file of the model in ``folder``."""
        path = folder / name
        path.write_bytes(self.proto.SerializeToString())
        return path

    def samples(self, count: int, seed: int = 1) -> dict[str, npt.NDArray[np.float32]]:
        """Normally distributed inputs [count, *shape]."""
        rng = np.random.default_rng(seed)
        return {name: rng.standard_normal((count, *shape)).astype(np.float32) for name, shape in self.shapes.items()}

    def reference(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs [samples, *shape] as onnx itself computes them."""
        evaluator = ReferenceEvaluator(_with_pools_padded_before(self.proto), new_ops=repaired_operators())
        names = [output.name for output in self.proto.graph.output]
        count = len(next(iter(inputs.values())))
        results = [evaluator.run(None, {name: array[i] for name, array in inputs.items()}) for i in range(count)]
        return {name: np.stack([np.asarray(result[i]) for result in results]) for i, name in enumerate(names)}


class NetBuilder:
    """Collects nodes and constants; methods return the name of the tensor they add."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def constant(self, data: npt.ArrayLike, name: str = "", as_node: bool = False) -> str:
        """Floats become float32, integers int64; an initializer, or the result of a Constant node."""
        array = np.asarray(data)
        array = array.astype(np.int64 if array.dtype.kind in "iu" else np.float32)
        name = name or f"constant_{len(self.initializers) + len(self.nodes)}"
        tensor = numpy_helper.from_array(array, name)
        if as_node:
            self.nodes.append(helper.make_node("Constant", [], [name], value=tensor))
        else:
            self.initializers.append(tensor)
        return name

    def weights(self, *shape: int, as_node: bool = False) -> str:
        """Random weights that keep the size of what they multiply, whichever dimensions are summed over."""
        fan_in = max(1.0, float(np.prod(shape)) / shape[0])
        return self.constant(self.rng.standard_normal(shape) / np.sqrt(fan_in), as_node=as_node)

    def node(self, op_type: str, *inputs: str, name: str | None = None, output: str = "", **attributes: object) -> str:
        """``name``: of the node, "" for none; ``output``: of its result."""
        given = f"{op_type.lower()}_{len(self.nodes)}" if name is None else name
        output = output or f"{given or op_type.lower()}_out{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, list(inputs), [output], name=given, **attributes))
        return output

    def build(
        self,
        inputs: Mapping[str, Dims],
        outputs: Sequence[str],
        define: Mapping[str, int] | None = None,
        opset: int = 14,
    ) -> Net:
        """The model; symbolic dimensions of ``inputs`` are texts, whose sizes ``define`` gives."""
        define = define or {}
        infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(dims)) for name, dims in inputs.items()]
        ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        graph = helper.make_graph(self.nodes, "net", infos, ends, self.initializers)
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        with contextlib.suppress(onnx.shape_inference.InferenceError):  # a model that is wrong on purpose
            inferred = onnx.shape_inference.infer_shapes(proto).graph.output
            for info, with_shape in zip(proto.graph.output, inferred, strict=True):
                info.CopyFrom(with_shape)
        shapes = {
            name: tuple(define.get(dim, 0) if isinstance(dim, str) else dim for dim in dims)
            for name, dims in inputs.items()
        }
        return Net(proto, shapes, define)


def conv_net(relu: bool = True, seed: int = 0) -> Net:
    """input ``x`` [1, 2, 6, 6], 3 x 3 convolution, ReLU, output ``y`` [1, 3, 6, 6]."""
    build = NetBuilder(seed)
    filters, bias = build.weights(3, 2, 3, 3), build.weights(3)
    y = build.node("Conv", "x", filters, bias, name="conv", pads=[1, 1, 1, 1], output="" if relu else "y")
    if relu:
        build.node("Relu", y, name="relu", output="y")
    return build.build({"x": (1, 2, 6, 6)}, ["y"])


def dense_net(seed: int = 0) -> Net:
    """Input ``x`` [1, 8], one Gemm, output ``y`` [1, 4]: the smallest network that compiles in no time."""
    build = NetBuilder(seed)
    build.node("Gemm", "x", build.weights(8, 4), build.weights(4), name="gemm", output="y")
    return build.build({"x": (1, 8)}, ["y"])


def example_program(net: str, folder: Path, float_io: bool = False) -> Program:
    """AN13438's network, or a convolution whose layouts need transposes, or a dense layer; called ``net``."""
    if net == "mnist":
        checkout = Path(__file__).parents[1]
        graph = tinyglow.load(checkout / "examples/mnist/mnist_nxp.onnx", net, {"N": 1})
        profile = load_profile(checkout / "tests/golden/mnist_nxp/profile.yaml")
    else:
        made = conv_net() if net == "conv" else dense_net()
        graph = tinyglow.load(made.save(folder), net)
        profile = tinyglow.profile(graph, made.samples(16))
    return tinyglow.lower(tinyglow.quantize(graph, profile, float_io=float_io))


@dataclass(frozen=True)
class Answer:
    """What a command did: its exit status, and what it wrote."""

    status: int
    out: str
    err: str


def run_cli(*arguments: object) -> Answer:
    """``tinyglow ARGUMENTS`` in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as stop:  # argparse, after --help or a missing option
            status = stop.code if isinstance(stop.code, int) else 0
    return Answer(status, out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class Place:
    """A folder with a good model, profile, input and bundle, in which commands are tried."""

    folder: Path

    def file(self, name: str, data: bytes | str | onnx.ModelProto | Net) -> Path:
        """Write a file for a command to meet."""
        data = data.proto if isinstance(data, Net) else data
        data = data.SerializeToString() if isinstance(data, onnx.ModelProto) else data
        path = self.folder / name
        path.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)
        return path

    def content(self) -> dict[str, bytes | None]:
        """Every file and folder, by name."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes() if path.is_file() else None
            for path in self.folder.rglob("*")
        }

    def refuses(self, *arguments: object, because: str | tuple[str, ...]) -> Answer:
        """Assert that a command fails as errors should, mentions every text of ``because`` and changes nothing."""
        before = self.content()
        answer = run_cli(*arguments)
        assert answer.status == 2, answer
        assert not answer.out
        assert answer.err.startswith("error: ") or answer.err.startswith("usage: ")
        assert "Traceback" not in answer.err and "internal error" not in answer.err
        for text in (because,) if isinstance(because, str) else because:
            assert text in answer.err
        assert self.content() == before
        return answer

    def refuses_model(self, model: Path, *define: str, because: str | tuple[str, ...]) -> Answer:
        """Assert that a model is refused by compile, into the folder of the good bundle, and by profile."""
        output = ("-o", self.folder / "profile.yaml", *(f"--define={text}" for text in define))
        self.refuses("profile", model, "--input", f"x={self.folder / 'x.npy'}", *output, because=because)
        return self.refuses(*self.compile(model), *(f"--define={text}" for text in define), because=because)

    def compile(self, model: Path | None = None, **options: object) -> list[object]:
        """The arguments that compile the good model into the good bundle's folder, but for what is given."""
        given = {"profile": self.folder / "profile.yaml", "board": "host", "name": "dense", **options}
        given.setdefault("output", self.folder / "bundle")
        named = [(f"--{name}", value) for name, value in given.items() if value is not None]
        return ["compile", model or self.folder / "dense.onnx", *(part for pair in named for part in pair)]

    def run(self, value: object = None, **options: object) -> list[object]:
        """The arguments that run the good bundle, but for what is given; ``value``: of --input."""
        given = {"board": "host", "input": value or f"x={self.folder / 'x.npy'}", **options}
        return ["run", self.folder / "bundle", *(part for name, v in given.items() for part in (f"--{name}", v))]


# Random models


def _conv(draw: st.DrawFn, build: NetBuilder, x: str, shape: list[int]) -> tuple[str, list[int]]:
    group = draw(st.sampled_from([g for g in (1, 2, 3, shape[1]) if shape[1] % g == 0]))
    out_c = group * draw(st.integers(1, 3))
    auto_pad = draw(st.sampled_from(["NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]))
    attributes: dict[str, object] = {"group": group} if group > 1 else {}
    kernel, sizes = [], []
    strides, dilations, before, after = [], [], [], []
    for length in shape[2:]:
        dilation = draw(st.integers(1, 2))
        k = draw(st.integers(1, 3).filter(lambda k, d=dilation, n=length: (k - 1) * d + 1 <= n))
        stride = draw(st.integers(1, 3))
        extent = (k - 1) * dilation + 1
        pads = [draw(st.integers(0, extent - 1)) for _ in range(2)] if auto_pad == "NOTSET" else [0, 0]
        same = auto_pad.startswith("SAME")
        sizes.append(-(-length // stride) if same else (length + sum(pads) - extent) // stride + 1)
        kernel.append(k), strides.append(stride), dilations.append(dilation)
        before.append(pads[0]), after.append(pads[1])
    if auto_pad != "NOTSET":
        attributes["auto_pad"] = auto_pad
    elif any(before + after):
        attributes["pads"] = before + after
    if strides != [1, 1]:
        attributes["strides"] = strides
    if dilations != [1, 1]:
        attributes["dilations"] = dilations
    if draw(st.booleans()):
        attributes["kernel_shape"] = kernel
    operands = [build.weights(out_c, shape[1] // group, *kernel, as_node=draw(st.booleans()))]
    operands += [build.weights(out_c)] if draw(st.booleans()) else []
    return build.node("Conv", x, *operands, **attributes), [shape[0], out_c, *sizes]


def _max_pool(draw: st.DrawFn, build: NetBuilder, x: str, shape: list[int]) -> tuple[str, list[int]]:
    kernel = [draw(st.integers(1, min(3, length))) for length in shape[2:]]
    strides = [draw(st.integers(1, 2)) for _ in kernel]
    before, after = ([draw(st.integers(0, k - 1)) for k in kernel] for _ in range(2))
    attributes: dict[str, object] = {"kernel_shape": kernel}
    if strides != [1, 1] or draw(st.booleans()):
        attributes["strides"] = strides
    if any(before + after):
        attributes["pads"] = [*before, *after]
    ends = zip(shape[2:], before, after, kernel, strides, strict=True)
    sizes = [(length + b + a - k) // s + 1 for length, b, a, k, s in ends]
    return build.node("MaxPool", x, **attributes), [*shape[:2], *sizes]


def _reorder(draw: st.DrawFn, build: NetBuilder, x: str, shape: list[int]) -> tuple[str, list[int]]:
    """Transposes that cancel, with a ReLU between; or one that stays."""
    perm = draw(st.permutations(range(len(shape))))
    y = build.node("Transpose", x, perm=list(perm))
    if draw(st.booleans()):
        return y, [shape[axis] for axis in perm]
    y = build.node("Relu", y) if draw(st.booleans()) else y
    return build.node("Transpose", y, perm=[perm.index(axis) for axis in range(len(perm))]), shape


def _reshape(draw: st.DrawFn, build: NetBuilder, x: str, shape: list[int]) -> tuple[str, list[int]]:
    if draw(st.booleans()):
        axis = draw(st.integers(-len(shape), len(shape)))
        split = axis + len(shape) if axis < 0 else axis
        attributes = {} if axis == 1 and draw(st.booleans()) else {"axis": axis}
        y = build.node("Flatten", x, **attributes)
        return y, [int(np.prod(shape[:split], dtype=int)), int(np.prod(shape[split:], dtype=int))]
    tail = int(np.prod(shape[1:], dtype=int))
    target = draw(st.sampled_from([[0, -1], [-1, tail], [shape[0], tail], [0, 1, -1], [-1]]))
    y = build.node("Reshape", x, build.constant(target, as_node=draw(st.booleans())))
    if target == [-1]:
        return build.node("Reshape", y, build.constant([shape[0], tail])), [shape[0], tail]
    return y, [shape[0], 1, tail] if len(target) == 3 else [shape[0], tail]


def _dense(draw: st.DrawFn, build: NetBuilder, x: str, shape: list[int]) -> tuple[str, list[int]]:
    units = draw(st.integers(1, 6))
    bias_shape = draw(st.sampled_from([(units,), (1, units), (1,), ()]))
    if draw(st.booleans()):
        product = build.node("MatMul", x, build.weights(shape[1], units))
        bias = build.constant(build.rng.standard_normal(bias_shape), as_node=draw(st.booleans()))
        operands = draw(st.permutations([product, bias]))
        return build.node("Add", *operands), [shape[0], units]
    flip = draw(st.booleans())
    attributes: dict[str, object] = {"transB": 1} if flip else {}
    if draw(st.booleans()):
        attributes |= {"alpha": draw(st.sampled_from([0.5, 2.0])), "beta": draw(st.sampled_from([0.0, 0.25, -1.0]))}
    operands = [build.weights(units, shape[1]) if flip else build.weights(shape[1], units)]
    operands += [build.constant(build.rng.standard_normal(bias_shape))] if draw(st.booleans()) else []
    return build.node("Gemm", x, *operands, **attributes), [shape[0], units]


def _plain(draw: st.DrawFn, build: NetBuilder, x: str, shape: list[int]) -> tuple[str, list[int]]:
    return build.node(draw(st.sampled_from(["Relu", "Relu", "Identity"])), x), shape


@st.composite
def nets(draw: st.DrawFn, layers: int = 6) -> Net:
    """Models of up to ``layers`` layers, of images and of rows; batch 1 or 2, maybe symbolic."""
    build = NetBuilder(draw(st.integers(0, 2**20)))
    batch = draw(st.sampled_from([1, 1, 1, 2]))
    first = [batch, *draw(st.sampled_from([(1, 5, 5), (2, 6, 4), (3, 4, 7), (4, 1, 6), (12,)]))]
    symbolic = draw(st.booleans())
    x, shape = "input", first
    for _ in range(draw(st.integers(1, layers))):
        kinds = [_plain, _reorder, _reshape]
        kinds += [_conv, _conv, _conv, _max_pool] if len(shape) == 4 else []
        kinds += [_dense, _dense, _dense] if len(shape) == 2 else []
        x, shape = draw(st.sampled_from(kinds))(draw, build, x, shape)
    dims: list[int | str] = ["N", *first[1:]] if symbolic else [*first]
    return build.build({"input": dims}, [x], {"N": batch} if symbolic else {})
