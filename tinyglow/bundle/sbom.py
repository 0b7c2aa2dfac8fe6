"""A bundle's bill of materials, in CycloneDX 1.5: every file with its hash, every kernel with its version."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import Any

from tinyglow.bundle.header import read_bundle
from tinyglow.bundle.manifest import MANIFEST, digest_of, unchanged

Json = dict[str, Any]

# CycloneDX asks for a UUID: made of the list of files, it is the same for the same bundle.
_SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://cyclonedx.org/schema/bom-1.5.schema.json")
_VERSION = re.compile(r"/\* tinyglow (\d[\w.+-]{0,40}) \*/")
_HEAD_BYTES = 400
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
    info, listed = read_bundle(folder), unchanged(folder, "cannot list the bundle")
    version = _version(folder / f"{info.name}.h")
    tool = {"type": "application", "name": "tinyglow", "version": version}
    network = {"type": "machine-learning-model", "bom-ref": info.name, "name": info.name}
    components = [_component(name, digest, version) for name, digest in sorted(listed.items())]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, digest_of(folder / MANIFEST))}",
        "version": 1,
        "metadata": {"tools": {"components": [tool]}, "component": network},
        "components": components,
        "dependencies": [{"ref": info.name, "dependsOn": [one["bom-ref"] for one in components]}],
    }


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
