"""The situations of ``shared/cases``, by the commands that come with them: an answer near to float, or the way out.

``TINYGLOW_FULL=1`` runs all of them; else some that end quickly.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tinyglow.pipeline.validate import validate
from tinyglow.testing import is_full


@dataclass(frozen=True)
class Answers:
    """It compiles, and every output is so near to the reference; ``says``: what the commands print besides."""

    decibels: float
    says: str = ""


@dataclass(frozen=True)
class Refused:
    """Exit status 2, and a text that names what to do."""

    says: str


@dataclass(frozen=True)
class Done:
    """It ends well and prints this; there are no answers to compare."""

    says: str


# The commands warn of this; margins make up for it.
FEW = "was made from 8 samples"

CASES: dict[str, Answers | Refused | Done] = {
    "01_torch_dynamo_external_data": Answers(30),
    "03_anonymous_batch_dim": Answers(30, FEW),
    "05_skl_mlpclassifier": Answers(30),
    "08_qdq_int8_per_channel": Answers(19),
    "09_qoperator_u8s8": Answers(22),
    "11_dynamic_quant_onnx": Refused("give the float model"),
    "12_unet_convtranspose": Answers(30),
    "13_tflite_transpose_conv_int8": Answers(40),
    "15_gru_keyword": Answers(26, FEW),
    "16_lstm_tflite_while": Refused("control flow: export it with fixed shapes and recurrent layers unrolled"),
    "19_transformer_block": Answers(25),
    "22_keras_gelu_erfc": Refused("write it as 1 - Erf(x)"),
    "23_mobilenetv3_hardsigmoid": Answers(30),
    "25_sensor_logsoftmax": Answers(30),
    "26_elu_softplus": Answers(30),
    "30_where_greater": Answers(30),
    "31_sign_binary_net": Answers(20),
    "32_embedding_l2_normalize": Answers(30),
    "35_tcn_causal_dilated_tflite": Answers(30),
    "36_bias_quantized_dimension_3": Answers(30),
    "38_tflite_int16x8": Answers(40),
    "40_float16_weights": Answers(30),
    "42_uint8_tflite_pixels": Answers(40),
    "43_uint8_onnx_input": Answers(30),
    "44_glow_flag_uint8_to_int8": Done("note: -tflite-uint8-to-int8 means nothing here"),
    "45_glow_channelwise_on_quantized": Done("note: the model is quantized already"),
    "46_caffe2_folder": Refused("convert it to ONNX"),
    "47_scaler_in_graph_silent_loss": Answers(30),
    "48_scaler_in_graph_int16": Answers(30),
    "49_yolo_concat_scores_lost": Answers(30, "warning: "),
    "51_calibration_all_zero": Answers(20, "is 0 everywhere in the calibration samples"),
    "53_rmsnorm_decomposed": Answers(25, FEW),
    "54_avgpool_ceil_count_include_pad": Answers(30, FEW),
    "55_slice_steps_ok": Answers(30),
    "56_softmax_opset11_ok": Answers(25),
    "57_gemm_scalar_c_beta_ok": Answers(25),
    "58_same_stride2_ok": Answers(30),
    "59_residual_scales_ok": Answers(30, FEW),
    "60_relu_symmetric_ok": Answers(28),
    "61_maxpool_ceil_pad_ok": Answers(30),
    "62_reshape_computed_shape_ok": Answers(30, FEW),
    "64_all_unsupported_named_ok": Done("values over 8 samples"),
    "65_keras_file": Refused("model.export('net.onnx', format='onnx')"),
    "67_resize_cubic": Refused("export the network with one of these"),
    "69_sin_cos_encoding": Answers(30),
    "70_npz_csv_samples": Done("ranges of 8 values over 8 samples"),
    "71_rt1060_ocram_not_used": Answers(30),
    "73_gelu_erf_slow_m0plus": Answers(30),
    "74_glow_model_input_unnamed_dim": Done("tinyglow.sha256"),
}
_SLICE = ("05_skl_mlpclassifier", "44_glow_flag_uint8_to_int8", "51_calibration_all_zero")


def _run(shared: Path, name: str, folder: Path) -> tuple[int, str]:
    """The case's script with this tinyglow: its exit status, and all that it prints."""
    if shutil.which("bash") is None:
        pytest.skip("the case is a script for bash, which is not on the PATH")
    script = shared / "cases" / name / "cmd.sh"
    if not script.is_file():
        pytest.skip(f"needs cases/{name} in the folder 'shared' beside the checkout")
    tools = folder / "bin"
    tools.mkdir()
    for tool, start in (("tinyglow", "-m tinyglow"), ("python", "")):  # the script takes the python beside tinyglow
        (tools / tool).write_text(f'#!/bin/sh\nexec "{sys.executable}" {start} "$@"\n', encoding="utf-8")
        (tools / tool).chmod(0o755)
    own = {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "TINYGLOW": str(tools / "tinyglow"),
        "TMPDIR": str(folder),
    }
    package = {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        ["bash", str(script)],
        env=os.environ | own | package,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES if is_full() else _SLICE)
def test_the_commands_of_a_case(shared: Path, tmp_path: Path, name: str) -> None:
    """The table above holds."""
    expected = CASES[name]
    status, text = _run(shared, name, tmp_path)
    assert expected.says in " ".join(text.split()), text
    assert status == (2 if isinstance(expected, Refused) else 0), text
    assert "Traceback" not in text
    if isinstance(expected, Answers):
        found = [float(number) for number in re.findall(r": SNR ([-\d.]+) dB", text)]
        assert found, text
        assert min(found) > expected.decibels, text


# Of these the inputs of the test go beyond what the eight calibration samples had.
SHORT_OF_SAMPLES = (
    "03_anonymous_batch_dim",
    "53_rmsnorm_decomposed",
    "54_avgpool_ceil_count_include_pad",
    "59_residual_scales_ok",
    "62_reshape_computed_shape_ok",
)


@pytest.mark.parametrize("name", SHORT_OF_SAMPLES)
def test_margins_make_up_for_samples(shared: Path, name: str) -> None:
    """Without margins in the profile each is below what is expected of it, and with them above."""
    folder, expected = shared / "cases" / name, CASES[name]
    if not (folder / "cal.npy").is_file():
        pytest.skip(f"needs cases/{name} in the folder 'shared' beside the checkout")
    graph = tinyglow.load(folder / "model.onnx", "net", {"N": 1} if name.startswith("62") else {})
    (source,) = (graph.source_names[placeholder] for placeholder in graph.inputs)
    samples, test = ({source: np.load(folder / file)} for file in ("cal.npy", "test.npy"))
    assert isinstance(expected, Answers)
    found = [
        validate(graph, tinyglow.profile(graph, samples, margin=margin), test, advise=False).snr
        for margin in (False, True)
    ]
    assert found[0] < expected.decibels < found[1]


def test_no_case_is_left_out(shared: Path) -> None:
    """The folder holds no other case."""
    assert {script.parent.name for script in (shared / "cases").glob("*/cmd.sh")} == CASES.keys()
