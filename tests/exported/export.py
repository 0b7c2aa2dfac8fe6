"""Make the fixtures of ``tests/exported`` anew: ``python -m tests.exported.export`` (see the README there).

It writes each network by both exporters of PyTorch, scikit-learn's by skl2onnx, and ``snr.json``: how near
onnxruntime's own static int8 quantization of each file comes to the float network, in dB.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from skl2onnx import to_onnx
from sklearn.neural_network import MLPClassifier

from tests.calibration import Samples
from tests.cases.cases import snr
from tests.exported.networks import NETWORKS
from tests.exported.samples import CALIBRATION, TESTED, samples

FOLDER = Path(__file__).parent / "models"


def _settle_norms(network: torch.nn.Module, shapes: dict[str, tuple[int, ...]]) -> None:
    """Give the statistics of normalizations values that fit the activations."""
    network.train()
    with torch.no_grad():
        for _ in range(50):
            network(*(torch.randn(shape) for shape in shapes.values()))
    network.eval()


def _export(name: str) -> None:
    torch.manual_seed(0)
    kind, shapes = NETWORKS[name]
    network = kind()
    _settle_norms(network, shapes)
    arguments = tuple(torch.randn(shape) for shape in shapes.values())
    for exporter, dynamo in (("torchscript", False), ("dynamo", True)):
        path = FOLDER / f"{name}_{exporter}.onnx"
        kept = {"external_data": False} if dynamo else {}
        with torch.no_grad():
            torch.onnx.export(network, arguments, str(path), input_names=list(shapes), dynamo=dynamo, **kept)
        model = onnx.load(path)
        for node in model.graph.node:  # which hold paths of the machine
            del node.metadata_props[:]
            node.ClearField("doc_string")
        del model.graph.metadata_props[:]
        for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
            del value.metadata_props[:]
        onnx.save(model, path)


def _export_sklearn() -> None:
    random = np.random.default_rng(0)
    x = random.standard_normal((400, 8)).astype(np.float32)
    labels = (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype(int) + (x[:, 3] > 1)
    model = MLPClassifier((12, 8), max_iter=300, random_state=0).fit(x, labels)
    proto = to_onnx(model, x[:1], options={"zipmap": False}, target_opset=17)
    (FOLDER / "sklearn_mlp_skl2onnx.onnx").write_bytes(proto.SerializeToString())


def _snr_of_onnxruntime(path: Path) -> float | None:
    """The lowest SNR of an output of onnxruntime's static int8; None where a recurrent layer stays float in it."""
    arrays = samples(path)
    with tempfile.TemporaryDirectory() as work:
        prepared, quantized = Path(work) / "prepared.onnx", Path(work) / "int8.onnx"
        quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
        first = Samples({name: array[:CALIBRATION] for name, array in arrays.items()})
        quantize_static(str(prepared), str(quantized), first)
        if any(node.op_type in ("GRU", "LSTM") for node in onnx.load(quantized).graph.node):
            return None
        exact, rounded = (onnxruntime.InferenceSession(str(file)) for file in (path, quantized))
        wanted = [output.name for output in exact.get_outputs() if output.type == "tensor(float)"]
        results: list[list[np.ndarray]] = []
        for session in (exact, rounded):
            calls = [
                session.run(wanted, {name: array[index] for name, array in arrays.items()})
                for index in range(CALIBRATION, CALIBRATION + TESTED)
            ]
            results.append([np.stack(outputs) for outputs in zip(*calls, strict=True)])
        return min(snr(actual, expected) for expected, actual in zip(*results, strict=True))


def main() -> None:
    """Write all files."""
    torch.backends.mha.set_fastpath_enabled(False)  # which one of the exporters cannot export
    FOLDER.mkdir(exist_ok=True)
    for name in NETWORKS:
        _export(name)
    _export_sklearn()
    found = {path.stem: _snr_of_onnxruntime(path) for path in sorted(FOLDER.glob("*.onnx"))}
    rounded = {name: None if ratio is None else round(ratio, 1) for name, ratio in found.items()}
    (FOLDER / "snr.json").write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
