"""Recordings of Glow that are none, or of another network."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from tests.helpers import dense_net, run_cli


@pytest.fixture
def recording(checkout: Path, tmp_path: Path) -> Path:
    """A copy of a good one."""
    folder = tmp_path / "golden/asymmetric"
    folder.mkdir(parents=True)
    for name in ("facts.json", "graph.json", "io.npz"):
        (folder / name).write_bytes((checkout / "tests/golden/ops_zoo/asymmetric" / name).read_bytes())
    (folder.parent / "profile.yaml").write_bytes((checkout / "tests/golden/ops_zoo/profile.yaml").read_bytes())
    return folder


def _npz(**arrays: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in arrays.items():
            archive.writestr(f"{name}.npy", data)
    return file.getvalue()


def _npy(shape: str, data: bytes = b"") -> bytes:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + data


def _changed(field: str, value: object) -> str:
    facts = {"flags": [], "sizes": {}, "targets": {}, "placeholders": []}
    return json.dumps(facts | {field: value})


_ONE = b"1234"
RECORDINGS: dict[str, tuple[str, bytes | str]] = {
    "an array that unpacks to 3 GB": ("io.npz", b""),  # made in the test: it takes a second
    "a header that promises more": ("io.npz", _npz(**{"input.x": _npy("(1000000, 1000000)")})),
    "no archive": ("io.npz", b"PK"),
    "no arrays": ("io.npz", _npz()),
    "arrays of another network": (
        "io.npz",
        _npz(**{"input.a": _npy("(1, 1)", b"1234"), "output.b": _npy("(1,)", b"1234")}),
    ),
    "deep lists": ("facts.json", "[" * 100_000),
    "deep tables": ("graph.json", '{"a":' * 100_000),
    "a list": ("facts.json", "[]"),
    "a long number": ("facts.json", '{"sizes": ' + "9" * 5_000 + "}"),
    "flags that are numbers": ("facts.json", _changed("flags", [1])),
    "sizes that are texts": ("facts.json", _changed("sizes", {"a": "b"})),
    "targets that are lists": ("facts.json", _changed("targets", [1])),
    "placeholders without a type": ("facts.json", _changed("placeholders", [{"name": "x"}])),
    "dimensions that are no numbers": (
        "facts.json",
        _changed("placeholders", [{"name": "x", "type": {"dims": "a"}}]),
    ),
    "nodes that are none": ("graph.json", '{"nodes": [1], "edges": []}'),
    "edges that are none": ("graph.json", '{"nodes": [], "edges": [1]}'),
}


@pytest.mark.parametrize("case", RECORDINGS)
def test_damaged_recordings(case: str, recording: Path, checkout: Path) -> None:
    """Archives, arrays and tables that are not what Glow's are: one error, whatever part it is."""
    name, data = RECORDINGS[case]
    if "3 GB" in case:
        data = _npz(**{"input.x": _npy("(300000000,)", bytes(300_000_000))})
    (recording / name).write_bytes(data.encode() if isinstance(data, str) else data)
    answer = run_cli("crosscheck", recording, "--model", checkout / "tests/golden/ops_zoo/ops_zoo.onnx")
    assert answer.status == 2 and "internal error" not in answer.err and "Traceback" not in answer.err
    assert "record" in answer.err and len(answer.err) < 5_000


def test_a_recording_of_another_network(recording: Path, tmp_path: Path) -> None:
    """Inputs and outputs that the model has not are named."""
    net = dense_net()
    answer = run_cli("crosscheck", recording, "--model", net.save(tmp_path))
    assert answer.status == 2 and "does not fit the model" in answer.err and "internal error" not in answer.err
