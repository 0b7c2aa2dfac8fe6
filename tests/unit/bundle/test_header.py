"""The bundle's header: read back, in Glow's form, with Glow's macros."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyglow
from tinyglow.bundle.header import BundleInfo, Placeholder, bundle_info, parse_header, write_header
from tinyglow.bundle.options import BundleOptions
from tinyglow.errors import InputError
from tinyglow.ir.program import Buffer, Region
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.pipeline.golden import scheme_of_flags
from tinyglow.quant.profile import load_profile
from tinyglow.testing import budget


@st.composite
def infos(draw: st.DrawFn) -> BundleInfo:
    """Bundles of any placeholders."""
    names = draw(st.lists(st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_]{0,12}\Z"), unique=True, min_size=1, max_size=4))
    placeholders, offset = [], 0
    for name in names:
        quant = None
        if draw(st.booleans()):
            scale = draw(st.floats(2.0**-126, 2.0**100, width=32))
            quant = QuantParams(scale, draw(st.integers(-128, 127)))
        shape = tuple(draw(st.lists(st.integers(1, 9), max_size=4)))
        type_ = TensorType(shape, "int8" if quant else "float32", quant)
        placeholders.append(Placeholder(name, type_, offset, draw(st.booleans())))
        offset += -(-type_.nbytes // 4) * 4
    sizes = [draw(st.integers(0, 2**31)) for _ in range(2)]
    tcm, in_ram = draw(st.integers(0, 2**20)), draw(st.booleans())
    return BundleInfo("net", tuple(placeholders), sizes[0], offset, sizes[1], 4, tcm, in_ram)


def options() -> st.SearchStrategy[BundleOptions]:
    """Interfaces of every kind."""
    flags = st.booleans()
    return st.builds(BundleOptions, st.sampled_from(["static", "dynamic"]), flags, weights_asm=flags, utils=flags)


@budget(150)
@given(info=infos(), efficiency=st.floats(0, 1), options=options())
def test_a_header_says_all_there_is_to_know(info: BundleInfo, efficiency: float, options: BundleOptions) -> None:
    """What is written to a header is read back from it: names, types, scales to the last bit, roles, offsets, sizes."""
    constants = [Buffer("input", TensorType((3,), "int8", QuantParams(0.5, 1)), Region.CONSTANT, 8)]
    assert parse_header(write_header(info, efficiency, options, constants), "net.h") == info


GLOW_HEADER = """\
// Bundle API header, made by another tool
// Tools version: 2024-05-11
#ifndef _GLOW_BUNDLE_KWS_H
#define _GLOW_BUNDLE_KWS_H
#include <stdint.h>

#ifndef _GLOW_BUNDLE_COMMON_DEFS
#define _GLOW_BUNDLE_COMMON_DEFS
#define GLOW_SUCCESS 0
#define GLOW_MEM_ALIGN(size)  __attribute__((aligned(size)))
#define GLOW_GET_ADDR(mutableBaseAddr, placeholderOff)  (((uint8_t*)(mutableBaseAddr)) + placeholderOff)
#endif

// Model name: "kws"
// Total data size: 26112 (bytes)
// Activations allocation efficiency: 0.9876
// Placeholders:
//
//   Name: "input"
//   Type: i8[S:0.015625000 O:-3][-1.953,2.031]<1 x 1 x 49 x 10>
//   Size: 490 (elements)
//   Size: 490 (bytes)
//   Offset: 0 (bytes)
//
//   Name: "scores"
//   Type: float<1 x 12>
//   Size: 12 (elements)
//   Size: 48 (bytes)
//   Offset: 512 (bytes)
//
// Constants:
//
//   Name: "weights"
//   Type: i8[S:0.010000000 O:0][-1.280,1.270]<64 x 64>
//   Size: 4096 (elements)
//   Size: 4096 (bytes)
//   Offset: 0 (bytes)

#ifdef __cplusplus
extern "C" {
#endif
// Placeholder address offsets within mutable buffer (bytes).
#define KWS_input   0
#define KWS_scores  512
// Memory sizes (bytes).
#define KWS_CONSTANT_MEM_SIZE     19968
#define KWS_MUTABLE_MEM_SIZE      576
#define KWS_ACTIVATIONS_MEM_SIZE  5568
// Memory alignment (bytes).
#define KWS_MEM_ALIGN  64
int kws(uint8_t *constantWeight, uint8_t *mutableWeight, uint8_t *activations);
#ifdef __cplusplus
}
#endif
#endif
"""


def test_a_header_of_glows_own_is_understood() -> None:
    """A header in Glow's form gives its placeholders, without a role, and its sizes; its constants are none of them."""
    quant = QuantParams(0.015625, -3)
    placeholders = (
        Placeholder("input", TensorType((1, 1, 49, 10), "int8", quant), 0),
        Placeholder("scores", TensorType((1, 12)), 512),
    )
    assert parse_header(GLOW_HEADER, "kws.h") == BundleInfo("kws", placeholders, 19968, 576, 5568, 64)


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("int kws(", "int (", "no entry function"),
        ("KWS_MUTABLE_MEM_SIZE      576", "KWS_MUTABLE_MEM_SIZE_", "does not define KWS_MUTABLE_MEM_SIZE"),
        ("KWS_MUTABLE_MEM_SIZE      576", "KWS_MUTABLE_MEM_SIZE 500", "placeholder scores: reaches beyond"),
        ("float<", "bfloat<", "type 'bfloat<1 x 12>' is not understood"),
        ("S:0.015625000", "S:0.000000000", "scale 0.0 is not a positive finite number"),
        ("i8[S", "i8[Q", "is not understood"),
        (GLOW_HEADER, "", "no placeholders"),
    ],
)
def test_what_is_wrong_with_a_header_is_named(old: str, new: str, found: str) -> None:
    """A header that lacks something, or contradicts itself, is refused with the line's own words."""
    with pytest.raises(InputError) as caught:
        parse_header(GLOW_HEADER.replace(old, new), "kws.h")
    assert found in str(caught.value) and "kws.h" in str(caught.value)


def test_macros_are_those_glow_promised(bundles: dict[str, Path], checkout: Path) -> None:
    """For AN13438's network the header has Glow's placeholder names and printed types, and no larger sizes."""
    facts = json.loads((checkout / "tests/golden/mnist_nxp/asymmetric/facts.json").read_text(encoding="utf-8"))
    text = (bundles["mnist"] / "mnist.h").read_text(encoding="utf-8")
    macros = {name: int(value) for name, value in re.findall(r"#define MNIST_(\w+)\s+(\d+)$", text, re.MULTILINE)}
    expected = [*(placeholder["name"] for placeholder in facts["placeholders"]), *facts["sizes"]]
    assert sorted(macros) == sorted(expected)
    assert all(macros[name] <= size for name, size in facts["sizes"].items())
    for placeholder in facts["placeholders"]:
        type_ = placeholder["type"]
        dims = " x ".join(map(str, type_["dims"]))
        printed = rf"Type: i8\[S:{type_['scale']:.9f} O:{type_['offset']}\]\[[-0-9.]+,[-0-9.]+\]<{dims}>\n"
        assert re.search(rf'Name: "{placeholder["name"]}"\n//   {printed}', text)


MODELS = ("mnist_nxp", "lenet_mnist", "cifar10", "kws_dscnn", "mobilenet_block", "autoencoder", "ops_zoo")


@pytest.mark.parametrize("config", ["asymmetric", "power2_bias8", "channelwise", "float_io"])
@pytest.mark.parametrize("model", MODELS)
def test_headers_say_what_glows_said(shared: Path, model: str, config: str) -> None:
    """For every recorded network: Glow's macros, placeholders, element and byte counts and printed types."""
    facts = json.loads((shared / "golden" / model / config / "facts.json").read_text(encoding="utf-8"))
    scheme, float_io, _ = scheme_of_flags(facts["flags"])
    define = {"N": 1} if model == "mnist_nxp" else {}
    graph = tinyglow.load(shared / "models" / f"{model}.onnx", model, define, like_glow=True)
    profile = load_profile(shared / "golden" / model / "profile.yaml")
    program = tinyglow.lower(tinyglow.quantize(graph, profile, scheme, float_io))
    text = write_header(bundle_info(program), 1.0)
    net = model.upper()
    macros = {name: int(value) for name, value in re.findall(rf"#define {net}_(\w+)\s+(\d+)$", text, re.MULTILINE)}
    assert sorted(macros) == sorted([*(p["name"] for p in facts["placeholders"]), *facts["sizes"]])
    end = 0
    for placeholder in facts["placeholders"]:  # in Glow's order, at offsets that leave room for each
        kind, type_ = placeholder["type"]["kind"], placeholder["type"]
        numbers = rf"\[S:{type_['scale']:.9f} O:{type_['offset']}\]\[[-0-9.]+,[-0-9.]+\]" if "scale" in type_ else ""
        dims = " x ".join(map(str, type_["dims"]))
        lines = [f"Type: {kind}{numbers}<{dims}>", rf"Size: {placeholder['elements']} \(elements\)"]
        lines += [rf"Size: {placeholder['bytes']} \(bytes\)", rf"Offset: {macros[placeholder['name']]} \(bytes\)"]
        assert re.search("\n//   ".join([f'Name: "{placeholder["name"]}"', *lines]) + "\n", text)
        assert end <= macros[placeholder["name"]] and macros[placeholder["name"]] % macros["MEM_ALIGN"] == 0
        end = macros[placeholder["name"]] + placeholder["bytes"]
    assert end <= macros["MUTABLE_MEM_SIZE"] <= facts["sizes"]["MUTABLE_MEM_SIZE"]
