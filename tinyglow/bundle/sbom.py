"""A bundle's bill of materials, in CycloneDX 1.5: every file with its hash, every kernel with its version."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyglow.bundle.emit import check_name
from tinyglow.bundle.header import read_bundle
from tinyglow.bundle.manifest import MANIFEST, NETWORKS, digest_of, read_manifest, unchanged
from tinyglow.errors import InputError, Problem
from tinyglow.resources import read_bounded

Json = dict[str, Any]

# CycloneDX asks for a UUID: made of the list of files, it is the same for the same bundle.
_SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://cyclonedx.org/schema/bom-1.5.schema.json")
_VERSION = re.compile(r"/\* tinyglow (\d[\w.+-]{0,40}) \*/")
_HEAD_BYTES = 400
_MOST_BYTES = 1 << 20
_WEIGHTS = ".weights.bin"
_LICENSE = [{"license": {"id": "Apache-2.0"}}]


def bill_of_materials(folder: str | Path) -> Json:
    """What a bundle consists of.

    Args:
        folder: A bundle that ``tinyglow compile`` wrote.

    Returns:
        A CycloneDX 1.5 document. It is the same for the same bundle: it names neither time nor place.

    Raises:
        InputError: The folder holds no bundle, or files that are not those of its list.
    """
    folder = Path(folder)
    listed = read_manifest(folder) or {}
    name, networks = _subject(folder, listed)
    listed = unchanged(folder, "cannot list the bundle")
    version = _version(folder / f"{name}.h")
    tool = {"type": "application", "name": "tinyglow", "version": version}
    subject: Json = {"type": "firmware" if networks else "machine-learning-model", "bom-ref": name, "name": name}
    if networks:
        subject["components"] = [
            {"type": "machine-learning-model", "bom-ref": network, "name": network} for network in networks
        ]
    components = [_component(name, digest, version) for name, digest in sorted(listed.items())]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, digest_of(folder / MANIFEST))}",
        "version": 1,
        "metadata": {"tools": {"components": [tool]}, "component": subject},
        "components": components,
        "dependencies": [{"ref": name, "dependsOn": [one["bom-ref"] for one in components]}],
    }


def _subject(folder: Path, listed: Mapping[str, str]) -> tuple[str, list[str]]:
    """What a bundle is called; and its networks, if it has several. InputError if it is no bundle."""
    weights = sorted(name for name in listed if name.endswith(_WEIGHTS))
    if NETWORKS not in listed or len(weights) < 2:
        return read_bundle(folder).name, []
    try:
        project = str(json.loads(read_bounded(folder / NETWORKS, _MOST_BYTES))["project"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        problem = Problem(str(folder / NETWORKS), "is damaged", "what 'tinyglow compile' wrote", "compile it again")
        raise InputError("cannot list the bundle", [problem]) from error
    return check_name(project), [name.removesuffix(_WEIGHTS) for name in weights]


def _version(header: Path) -> str:
    """The version of tinyglow that wrote a file; "unknown" where it does not say."""
    with header.open("rb") as file:
        found = _VERSION.search(file.read(_HEAD_BYTES).decode("utf-8", "replace"))
    return found[1] if found else "unknown"


def _component(name: str, digest: str, version: str) -> Json:
    is_kernel = name.startswith("tg_") and name.endswith(".c")
    known: Json = {
        "type": "library" if is_kernel else "file",
        "bom-ref": f"file:{name}",
        "name": name.removesuffix(".c") if is_kernel else name,
        "hashes": [{"alg": "SHA-256", "content": digest}],
    }
    if is_kernel:
        known["version"] = version
    if name.startswith("tg_"):  # what is the network's own is its author's
        known["licenses"] = _LICENSE
    return known
