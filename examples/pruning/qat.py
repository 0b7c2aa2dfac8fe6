"""Quantization-aware training from float to a bundle, with the accuracy that training promised.

    python examples/pruning/qat.py -o out                                   (digits that the project draws)
    python examples/pruning/qat.py --data mnist.npz --train 20000 --test 10000 --bits 4 -o out

``out/digits_qdq.onnx`` has its ranges in QuantizeLinear and DequantizeLinear, so it needs no profile. The table sets
side by side what training computed, what onnx's own evaluator and onnxruntime (where it is installed) make of the file,
and the bundle, as numpy defines it and on emulated boards; with the number of pictures that are put into the same class
as the file's evaluator puts them.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import onnx
from aware import AwareNetwork
from data import digits
from network import Array, Network
from onnx.reference import ReferenceEvaluator

import tinyglow
from tinyglow.targets.boards import load_board

BOARDS = ("frdm-ke16z", "mimxrt1060-evk")


def by_onnx(path: Path, images: Array) -> Array:
    """Scores by onnx's own evaluator."""
    evaluator = ReferenceEvaluator(onnx.load(path))
    return np.concatenate([evaluator.run(None, {"image": image[None]})[0] for image in images])


def by_onnxruntime(path: Path, images: Array) -> Array | None:
    """Scores by onnxruntime; None if it is not installed."""
    try:
        import onnxruntime
    except ModuleNotFoundError:
        return None
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"image": image[None]})[0] for image in images])


def by_bundle(path: Path, out: Path, images: Array, run: int) -> dict[str, Array]:
    """Scores by the bundle: all as numpy defines them, the first ``run`` on emulated boards too."""
    quantized = tinyglow.quantize(tinyglow.load(path, "digits"))
    host = tinyglow.lower(quantized)
    parts = [tinyglow.interpret(host, {"image": images[i : i + 1000]}) for i in range(0, len(images), 1000)]
    found = {"bundle, numpy": np.concatenate([next(iter(part.values())).reshape(-1, 10) for part in parts])}
    for title in BOARDS:
        board = load_board(title)
        tinyglow.emit(tinyglow.lower(quantized, target=tinyglow.target_of(board)), out / f"bundle_{title}")
        execution = tinyglow.simulate(out / f"bundle_{title}", board, {"image": images[:run]}, "zig")
        found[f"bundle, {title}"] = next(iter(execution.outputs.values())).reshape(-1, 10)
    return found


def main() -> None:
    """Train, write, compile, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="FILE", help="MNIST as Keras' mnist.npz (default: the project draws digits)")
    parser.add_argument("--train", type=int, default=2000, help="pictures to train on (default: %(default)s)")
    parser.add_argument("--test", type=int, default=500, help="pictures to test with (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=15, help="in float (default: %(default)s)")
    parser.add_argument("--aware", type=int, default=5, help="epochs of aware training after it (default: %(default)s)")
    parser.add_argument("--bits", type=int, default=8, choices=range(2, 9), help="of weights (default: 8)")
    parser.add_argument("--run", type=int, default=20, help="pictures on the boards (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    begin, out = time.process_time(), arguments.output
    out.mkdir(parents=True, exist_ok=True)
    train, (images, labels), what = digits(arguments.data, arguments.train, arguments.test)
    plain = Network.random(arguments.seed)
    plain.train(*train, arguments.epochs, arguments.seed)
    aware = AwareNetwork.of(plain, train[0][:500], arguments.bits)
    rows = {"float": plain.scores(images), "rounded, not trained": aware.scores(images)}
    aware.train(*train, arguments.aware, arguments.seed)
    rows["aware training"] = aware.scores(images)
    path = out / "digits_qdq.onnx"
    aware.save_qdq(path)
    evaluated = by_onnx(path, images)
    rows["the file, onnx"] = evaluated
    runtime = by_onnxruntime(path, images)
    if runtime is not None:
        rows["the file, onnxruntime"] = runtime
    rows |= by_bundle(path, out, images, arguments.run)
    print("| computed by | pictures | right | class as the file's |\n|---|--:|--:|--:|")
    for name, scores in rows.items():
        classes, count = scores.argmax(axis=1), len(scores)
        right = 100 * float((classes == labels[:count]).mean())
        same = int((classes == evaluated[:count].argmax(axis=1)).sum())
        print(f"| {name} | {count} | {right:.2f} % | {same} |")
    print(
        f"\n{what}: {len(train[1])} training pictures, weights of {arguments.bits} bits, {arguments.epochs} epochs in"
    )
    print(f"float and {arguments.aware} aware, seed {arguments.seed}, numpy {np.__version__}, onnx {onnx.__version__};")
    print(f"{time.process_time() - begin:.0f} s of computing time")


if __name__ == "__main__":
    main()
