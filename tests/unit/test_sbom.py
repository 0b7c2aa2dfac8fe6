"""A bundle's bill of materials: all files with their hashes, the same for the same bundle."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

import tinyglow
from tests.helpers import example_program, run_cli


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A small network's bundle."""
    tinyglow.emit(example_program("dense", tmp_path), tmp_path / "bundle")
    return tmp_path / "bundle"


def test_every_file_is_listed_with_its_hash(bundle: Path) -> None:
    """Kernels have a version and a licence; the network is what depends on all of it."""
    answer = run_cli("sbom", bundle)
    assert answer.status == 0, answer.err
    found = json.loads(answer.out)
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.5")
    assert found["metadata"]["component"]["name"] == "dense"
    (tool,) = found["metadata"]["tools"]["components"]
    assert (tool["name"], tool["version"]) == ("tinyglow", tinyglow.__version__)
    hashes = {one["bom-ref"].removeprefix("file:"): one["hashes"][0]["content"] for one in found["components"]}
    files = [path for path in bundle.iterdir() if path.name != "tinyglow.sha256"]
    assert hashes == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    kernels = [one for one in found["components"] if one["type"] == "library"]
    assert kernels and all(one["version"] == tinyglow.__version__ and one["licenses"] for one in kernels)
    assert sorted(found["dependencies"][0]["dependsOn"]) == sorted(one["bom-ref"] for one in found["components"])


def test_it_is_the_same_for_the_same_bundle(bundle: Path, tmp_path: Path) -> None:
    """Printed or written; another bundle has another number."""
    assert run_cli("sbom", bundle, "-o", tmp_path / "out.json").status == 0
    first = run_cli("sbom", bundle).out
    assert (tmp_path / "out.json").read_text(encoding="utf-8") == first
    other = tmp_path / "other"
    other.mkdir()
    tinyglow.emit(example_program("conv", other), other / "bundle")
    assert json.loads(run_cli("sbom", other / "bundle").out)["serialNumber"] != json.loads(first)["serialNumber"]


def test_what_was_changed_is_named(bundle: Path, tmp_path: Path) -> None:
    """All of it at once, with status 2; so it is where there is no list, or no bundle."""
    changed = [*sorted(bundle.glob("tg_*.c"))[:2], bundle / "dense.c"]
    for path in changed:
        path.write_bytes(path.read_bytes() + b"\n")
    answer = run_cli("sbom", bundle)
    assert answer.status == 2 and all(path.name in answer.err for path in changed)
    (bundle / "tinyglow.sha256").unlink()
    assert run_cli("sbom", bundle).status == 2
    assert run_cli("sbom", tmp_path / "nothing").status == 2


def test_several_networks_are_listed_together(bundle: Path, tmp_path: Path) -> None:
    """A firmware's networks by name, and all files of theirs; a damaged list of them is an error."""
    other = tmp_path / "other"
    other.mkdir()
    made = tinyglow.emit_shared([bundle, example_program("conv", other)], tmp_path / "out", "ears")
    found = json.loads(run_cli("sbom", tmp_path / "out").out)
    subject = found["metadata"]["component"]
    assert (subject["type"], subject["name"]) == ("firmware", "ears")
    assert [one["name"] for one in subject["components"]] == ["conv", "dense"]
    assert {one["bom-ref"] for one in found["components"]} == {f"file:{name}" for name in made.files} - {
        "file:tinyglow.sha256"
    }
    (tmp_path / "out" / "tinyglow.networks.json").write_text("[]", encoding="utf-8")
    answer = run_cli("sbom", tmp_path / "out")
    assert answer.status == 2 and "is damaged" in answer.err
