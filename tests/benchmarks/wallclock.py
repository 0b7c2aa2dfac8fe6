"""What waiting on this machine is like: ``python -m tests.benchmarks.wallclock``. Figures of one run, to compare alone.

Compilation as whole processes, ``tinyglow compile`` from the ONNX file to the bundle, and inferences a second of the
numpy interpreter, in batches, beside onnxruntime's on the same network in float and, statically quantized, in int8, on
one core each. Last, what each node of a long chain takes to compile, which hardly grows with the chain.
"""

from __future__ import annotations

import contextlib
import io
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import tinyglow
from tests.benchmarks.measure import MNIST, MODELS, SCHEMES, load, model_path, profile_path, quantized
from tests.helpers import NetBuilder
from tinyglow.ir.graph import Array, Graph
from tinyglow.tuning.threads import one_thread_each

BATCH = 256
SECONDS = 2.0
CHAINS = (1_000, 3_000, 10_000)
_KINDS = ("Conv", "Relu", "Sigmoid", "Add")


def compile_seconds(model: str) -> float:
    """The fastest of three whole processes."""
    define = ["--define", "N=1"] if model == MNIST else []
    files = [str(model_path(model)), *define, "--profile", str(profile_path(model))]
    command = [sys.executable, "-m", "tinyglow", "compile", *files]
    times = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            begin = time.perf_counter()
            subprocess.run(
                [*command, "--board", "cortex-m7", "-o", f"{folder}/bundle"], check=True, stdout=subprocess.DEVNULL
            )
            times.append(time.perf_counter() - begin)
    return min(times)


def per_second(infer: Callable[[], object], samples: int) -> float:
    """Samples a second: of the fastest batch within SECONDS, as other work on the machine makes batches slower."""
    infer()
    end, fastest = time.perf_counter() + SECONDS, float("inf")
    while (begin := time.perf_counter()) < end:
        infer()
        fastest = min(fastest, time.perf_counter() - begin)
    return samples / fastest


def _samples(graph: Graph) -> Array:
    shape = graph.type_of(graph.inputs[0]).shape
    random: Array = np.random.default_rng(0).uniform(0, 1, (BATCH, *shape)).astype(np.float32)
    return random


def _sessions(model: str, samples: Array, folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """onnxruntime on one core, sample by sample, as these models have a batch of 1: in float, and in int8."""
    import onnxruntime as ort
    from onnxruntime.quantization import QuantFormat, quantize_static

    from tests.calibration import Samples

    source = str(model_path(model))
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    ort.set_default_logger_severity(3)

    float_session = ort.InferenceSession(source, options)
    name = float_session.get_inputs()[0].name
    target = str(folder / "int8.onnx")
    logging.disable(logging.WARNING)
    with contextlib.redirect_stdout(io.StringIO()):
        quantize_static(source, target, Samples({name: samples[:32]}), quant_format=QuantFormat.QDQ)
    for label, session in (("float", float_session), ("int8", ort.InferenceSession(target, options))):
        yield label, lambda session=session: [session.run(None, {name: sample}) for sample in samples]


def _chain(length: int, folder: Path) -> Path:
    """A chain of convolutions, ReLUs, sigmoids and additions."""
    build, value = NetBuilder(), "x"
    for number in range(length // len(_KINDS)):
        for kind in _KINDS:
            constants = {"Conv": [(4, 4, 1, 1)], "Add": [(1, 4, 1, 1)]}.get(kind, [])
            last = kind == _KINDS[-1] and number == length // len(_KINDS) - 1
            operands = [build.weights(*shape) for shape in constants]
            value = build.node(kind, value, *operands, output="y" if last else "")
    return build.build({"x": (1, 4, 4, 4)}, ["y"]).save(folder, f"chain_{length}.onnx")


def chain_seconds(length: int) -> float:
    """Processor time from the model file of a chain to its bundle, in this process."""
    with tempfile.TemporaryDirectory() as folder:
        path = _chain(length, Path(folder))
        begin = time.process_time()
        graph = tinyglow.load(path)
        profile = tinyglow.profile(
            graph, {"x": np.random.default_rng(0).normal(size=(4, 1, 4, 4, 4)).astype(np.float32)}
        )
        target = tinyglow.target_of(tinyglow.load_board("cortex-m7"))
        tinyglow.emit(tinyglow.lower(tinyglow.quantize(graph, profile), target=target), f"{folder}/bundle")
        return time.process_time() - begin


def main() -> int:
    """Print the tables."""
    heads = f"{'compile (s)':>12}{'numpy int8 (1/s)':>18}{'onnxruntime float':>19}{'int8':>9}{'numpy / int8':>14}"
    print(f"{'network':16}{heads}")
    for model in MODELS:
        graph = load(model)
        samples = _samples(graph)
        program = tinyglow.lower(quantized(model, SCHEMES["asymmetric"]))
        inputs = {program.inputs[0]: samples.reshape(BATCH, *program.buffers[program.inputs[0]].type.shape)}
        ours = per_second(lambda program=program, inputs=inputs: tinyglow.interpret(program, inputs), BATCH)
        theirs = {}
        with tempfile.TemporaryDirectory() as folder, contextlib.suppress(ImportError):
            theirs = {name: per_second(run, BATCH) for name, run in _sessions(model, samples, Path(folder))}
        cells = "".join(
            f"{theirs[name]:>{width},.0f}" for name, width in (("float", 19), ("int8", 9)) if name in theirs
        )
        cells += f"{ours / theirs['int8']:>14.2f}" if "int8" in theirs else ""
        print(f"{model:16}{compile_seconds(model):>12.2f}{ours:>18,.0f}{cells}", flush=True)
    print(f"\n{'nodes of a chain':16}{'compile (s)':>12}{'a node (ms)':>18}")
    for length in CHAINS:
        seconds = chain_seconds(length)
        print(f"{length:<16,}{seconds:>12.2f}{1000 * seconds / length:>18.2f}", flush=True)
    return 0


if __name__ == "__main__":
    with one_thread_each():  # those of BLAS begin when numpy is imported: start this process anew
        if "--here" in sys.argv[1:]:
            sys.exit(main())
        sys.exit(subprocess.run([sys.executable, "-m", "tests.benchmarks.wallclock", "--here"], check=False).returncode)
