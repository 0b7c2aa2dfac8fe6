"""What waiting on this machine is like: ``python -m tests.benchmarks.wallclock``. Figures of one run, to compare alone.

Compilation as whole processes, ``tinyglow compile`` from the ONNX file to the bundle, and inferences a second of the
numpy interpreter, in batches, beside onnxruntime's on the same network in float and, statically quantized, in int8, on
one core each. Last, what each node of a long chain takes to compile, which hardly grows with the chain.

All of it is processor time, which other work on the machine disturbs less than the clock: of whole processes, and of
the thread that computes inferences. The interpreters take batches by turns.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

import tinyglow
from tests.benchmarks.measure import MNIST, MODELS, SCHEMES, load, model_path, profile_path, quantized
from tests.helpers import NetBuilder
from tinyglow.ir.graph import Array, Graph
from tinyglow.tuning.threads import one_thread_each

BATCH = 256
BATCHES = 20
CHAINS = (1_000, 3_000, 10_000)
_COLUMNS = {"numpy": 18, "float": 19, "int8": 9}  # and their widths
_KINDS = ("Conv", "Relu", "Sigmoid", "Add")


def _children() -> float:
    """Processor time of the processes that have ended; Windows does not say it: there the time of day."""
    if os.name != "posix":
        return time.perf_counter()
    spent = os.times()
    return spent.children_user + spent.children_system


def compile_seconds(model: str) -> float:
    """Of the fastest of five whole processes, after one that leaves compiled Python as an installed program has it."""
    define = ["--define", "N=1"] if model == MNIST else []
    files = [str(model_path(model)), *define, "--profile", str(profile_path(model))]
    command = [sys.executable, "-m", "tinyglow", "compile", *files]
    times = []
    with tempfile.TemporaryDirectory() as cache:
        own = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        own.pop("PYTHONDONTWRITEBYTECODE", None)
        for _ in range(6):
            with tempfile.TemporaryDirectory() as folder:
                begin = _children()
                bundle = ["--board", "cortex-m7", "-o", f"{folder}/bundle"]
                subprocess.run([*command, *bundle], check=True, stdout=subprocess.DEVNULL, env=own)
                times.append(_children() - begin)
    return min(times[1:])


def per_second(ways: Mapping[str, Callable[[], object]], samples: int) -> dict[str, float]:
    """Samples a second of each way: of the fastest of BATCHES batches, by processor time of this thread."""
    fastest = dict.fromkeys(ways, float("inf"))
    for _ in range(BATCHES + 1):  # the first ones last longest
        for name, infer in ways.items():
            begin = time.thread_time()
            infer()
            fastest[name] = min(fastest[name], time.thread_time() - begin)
    return {name: samples / seconds for name, seconds in fastest.items()}


def _samples(graph: Graph) -> Array:
    shape = graph.type_of(graph.inputs[0]).shape
    random: Array = np.random.default_rng(0).uniform(0, 1, (BATCH, *shape)).astype(np.float32)
    return random


def _sessions(model: str, samples: Array, folder: Path) -> dict[str, Callable[[], object]]:
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
    sessions = {"float": float_session, "int8": ort.InferenceSession(target, options)}
    return {
        label: lambda session=session: [session.run(None, {name: sample}) for sample in samples]
        for label, session in sessions.items()
    }


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
        ways = {"numpy": lambda program=program, inputs=inputs: tinyglow.interpret(program, inputs)}
        with tempfile.TemporaryDirectory() as folder:
            with contextlib.suppress(ImportError):
                ways |= _sessions(model, samples, Path(folder))
            found = per_second(ways, BATCH)
        cells = "".join(f"{found[name]:>{width},.0f}" for name, width in _COLUMNS.items() if name in found)
        cells += f"{found['numpy'] / found['int8']:>14.2f}" if "int8" in found else ""
        print(f"{model:16}{compile_seconds(model):>12.2f}{cells}", flush=True)
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
