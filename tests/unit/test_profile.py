"""Station 3: ranges and histograms as Glow records them, and profile files that are read with suspicion."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import tinyglow
from tests.helpers import MNIST_INPUT, NetBuilder, conv_net, dense_net
from tinyglow.errors import InputError, ProfileError
from tinyglow.ir.graph import Graph
from tinyglow.quant.match import match_profile
from tinyglow.quant.profile import MAX_FILE_BYTES, Profile, Range, RangeRecorder, load_profile, save_profile
from tinyglow.quant.yaml_loader import numbers_loader
from tinyglow.testing import budget

FLOAT32 = st.floats(allow_nan=False, allow_infinity=False, width=32)
COUNTS = st.lists(st.integers(0, 2**40).map(float), max_size=6).map(tuple)
# What Glow's own kernels make of one node, which here is one value or two.
GLOW_ALONE = re.compile(r"(_max|_dot|_bias|zero(__\d+)?):0$")


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    """Any names that C allows, any finite ranges, any histograms."""
    names = draw(st.lists(st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_]{0,20}:[0-9]\Z"), unique=True, min_size=1, max_size=5))
    pairs = [sorted((draw(FLOAT32), draw(FLOAT32))) for _ in names]
    ranges = {name: Range(low, high, draw(COUNTS)) for name, (low, high) in zip(names, pairs, strict=True)}
    return Profile(
        ranges, draw(st.integers(0, 2**64 - 1)), draw(st.sampled_from(["tinyglow", "2024-05-11 (05dd99b97)"]))
    )


@budget(100)
@given(profile=profiles())
def test_what_is_saved_is_what_is_loaded(tmp_path_factory: pytest.TempPathFactory, profile: Profile) -> None:
    """A profile file gives back every range to the last bit, every count, the hash and the maker's version."""
    path = tmp_path_factory.getbasetemp() / "round_trip.yaml"
    save_profile(profile, path)
    assert load_profile(path) == profile


def test_a_real_profile_of_glow_is_written_as_glow_wrote_it(checkout: Path, tmp_path: Path) -> None:
    """Loading Glow's file and saving it gives the same bytes."""
    golden = checkout / "tests/golden/mnist_nxp/profile.yaml"
    save_profile(load_profile(golden), tmp_path / "again.yaml")
    assert (tmp_path / "again.yaml").read_bytes() == golden.read_bytes()


def test_long_lists_and_large_counts_are_written_as_glow_writes_them(tmp_path: Path) -> None:
    """A list goes on below its first count after column 70; counts have six digits if these are all there are."""
    counts = (140.0, 930.0, 4350.0, 11960.0, 17500.0, 11510.0, 3670.0, 950.0, 1048580.0, 1048577.0, 2e6)
    profile = Profile({"x:0": Range(0.0, 1.0, counts)})
    save_profile(profile, tmp_path / "x.yaml")
    assert load_profile(tmp_path / "x.yaml") == profile
    assert (tmp_path / "x.yaml").read_text(encoding="utf-8").splitlines()[-3:] == [
        "  Histogram:       [ 140, 930, 4350, 11960, 17500, 11510, 3670, 950, 1.04858e+06, ",
        "                     1048577, 2e+06 ]",
        "...",
    ]


# Recording


@pytest.mark.parametrize("samples", [[[1.0, 2.0, 3.0]], [[-1.0, 0.5], [4.0, 2.0], [3.0, -8.0]], [[5.0], [5.0]]])
def test_bounds_are_those_of_all_samples(samples: list[list[float]]) -> None:
    """The range spans the smallest and largest value of any sample."""
    recorder = RangeRecorder()
    for sample in samples:
        recorder.update(np.array(sample, np.float32))
    values = [value for sample in samples for value in sample]
    assert (recorder.finish().low, recorder.finish().high) == (min(values), max(values))


@budget(150)
@given(
    seed=st.integers(0, 2**20),
    spreads=st.lists(st.sampled_from([0.0, 0.1, 1.0, 30.0]), min_size=1, max_size=6),
    bins=st.sampled_from([1, 2, 10, 255]),
)
def test_no_value_is_lost_from_a_histogram(seed: int, spreads: list[float], bins: int) -> None:
    """However often the range widens, the counts add up to the number of values, and none is negative."""
    rng = np.random.default_rng(seed)
    recorder = RangeRecorder(bins)
    for spread in spreads:
        recorder.update((spread * rng.standard_normal(7)).astype(np.float32))
    histogram = recorder.finish().histogram
    assert len(histogram) == bins
    assert sum(histogram) == 7 * len(spreads)
    assert min(histogram) >= 0


def test_a_widened_histogram_keeps_values_where_they_were() -> None:
    """Ten values in ten bins of 0..1 end in the first bin of ten of 0..10, when a sample reaches to 10."""
    recorder = RangeRecorder()
    recorder.update(np.linspace(0, 1, 10, dtype=np.float32))
    assert recorder.finish().histogram == (1,) * 10
    recorder.update(np.array([10], np.float32))
    assert recorder.finish() == Range(0.0, 10.0, (10, *[0] * 8, 1))


def _mnist(checkout: Path) -> Graph:
    return tinyglow.load(checkout / "examples/mnist/mnist_nxp.onnx", define={"N": 1})


def test_the_profile_of_mnist_is_glows_own(checkout: Path, shared: Path) -> None:
    """On the data that Glow profiled, every value that both record has Glow's histogram exactly and its bounds closely.

    Bounds differ in the last bits of float32, since sums of products are added up in another order. What Glow records
    and we do not are parts of its lowered nodes, and its zeros.
    """
    graph = _mnist(checkout)
    glow = load_profile(checkout / "tests/golden/mnist_nxp/profile.yaml")
    mine = tinyglow.profile(graph, {MNIST_INPUT: np.load(shared / "models/mnist_nxp.calib.npy")}, margin=False)
    assert mine.ranges.keys() <= glow.ranges.keys()
    assert all(GLOW_ALONE.search(name) for name in glow.ranges.keys() - mine.ranges.keys())
    for name, range_ in mine.ranges.items():
        expected = glow.ranges[name]
        assert range_.histogram == expected.histogram, name
        width = expected.high - expected.low
        assert range_.low == pytest.approx(expected.low, rel=1e-5, abs=1e-6 * width), name
        assert range_.high == pytest.approx(expected.high, rel=1e-5, abs=1e-6 * width), name


def test_profiling_is_the_same_in_one_go_or_in_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples are profiled one after the other, however many fit into memory at once."""
    net = conv_net()
    graph = tinyglow.load(net.save(tmp_path))
    whole = tinyglow.profile(graph, net.samples(20))
    monkeypatch.setattr("tinyglow.interp._CHUNK_BYTES", 1)
    assert tinyglow.profile(graph, net.samples(20)).ranges.keys() == whole.ranges.keys()
    for name, range_ in tinyglow.profile(graph, net.samples(20)).ranges.items():
        assert range_.low == pytest.approx(whole.ranges[name].low, rel=1e-5)
        assert sum(range_.histogram) == sum(whole.ranges[name].histogram)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 3e38])
def test_values_that_no_range_can_hold_are_an_error(value: float, tmp_path: Path) -> None:
    """A network that becomes NaN or infinite on its calibration data, or nearly so, is not profiled."""
    net = dense_net()
    graph = tinyglow.load(net.save(tmp_path))
    inputs = net.samples(3)
    inputs["x"][1, 0, 2] = value
    with pytest.raises(InputError, match="becomes NaN, infinite or huge"):
        tinyglow.profile(graph, inputs)


def test_calibration_data_are_floats(tmp_path: Path) -> None:
    """Integers are refused: a float network was trained on floats of a certain range."""
    net = dense_net()
    with pytest.raises(InputError, match="holds uint8; expected float32"):
        tinyglow.profile(tinyglow.load(net.save(tmp_path)), {"x": np.zeros((2, 1, 8), np.uint8)})


# Files

ENTRY = "- NodeOutputName:  'x:0'\n  Min:             {}\n  Max:             {}\n  Histogram:       {}\n"
GOOD = ENTRY.format("-1.5", "2.0", "[ 1, 2 ]")
MALFORMED = {
    "": "no NodeOutputName entries",
    "just a text": "no NodeOutputName entries",
    "---\n[]\n": "no NodeOutputName entries",
    "a: [1, 2": "it is not YAML",
    "\t- x": "it is not YAML, or it has more than 8 lists and tables inside each other (line 1, column 1: ",
    "nul: '\0'": "it is not YAML",
    "day: 2001-99-99": "it is not YAML",
    "!!python/object/apply:os.getcwd []": "it has tags: tag:yaml.org,2002:python/object/apply:os.getcwd",
    "- 1\n- {Min: 0}\n": "entry 2: lacks NodeOutputName, Min or Max",
    GOOD + GOOD: "entry 2 x:0: is there twice",
    ENTRY.format(".nan", "2.0", "[]"): "entry 1 x:0: Min is nan, expected a finite float32",
    ENTRY.format("-1.0", ".inf", "[]"): "entry 1 x:0: Max is inf",
    ENTRY.format("-1.0", "1.0e+39", "[]"): "Max is 1e+39, expected a finite float32",
    ENTRY.format("-1.0", "9" * 400, "[]"): "expected a finite float32",
    ENTRY.format("-1.0", "true", "[]"): "Max is 'True', expected a finite number",
    ENTRY.format("-1.0", "high", "[]"): "Max is 'high', expected a finite number",
    ENTRY.format("2.5", "2.0", "[]"): "Min 2.5 is above Max 2.0",
    ENTRY.format("-1.0", "2.0", "[ 1, -2 ]"): "Histogram is not a list of counts",
    ENTRY.format("-1.0", "2.0", "[ 1, .nan ]"): "Histogram is not a list of counts",
    ENTRY.format("-1.0", "2.0", "[ " + "9" * 400 + " ]"): "Histogram is not a list of counts",
    ENTRY.format("-1.0", "2.0", "7"): "Histogram is not a list of counts",
    "a: &a [ x, x ]\nb: &b [ *a, *a ]\nc: &c [ *b, *b ]\n": "it has aliases",
    "[" * 9 + "]" * 9: "it has more than 8 lists and tables inside each other",
    "[" * 100_000: "more than 8 lists and tables inside each other",
    "- " * 100_000: "more than 8 lists and tables inside each other",
    "{a: " * 100_000: "more than 8 lists and tables inside each other",
}


@pytest.mark.parametrize(("text", "found"), MALFORMED.items(), ids=range(len(MALFORMED)))
def test_malformed_files_say_what_is_wrong(text: str, found: str, tmp_path: Path) -> None:
    """A file that is no profile is refused with the file's name and the entry's, whatever it holds."""
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProfileError, match=r"bad\.yaml") as caught:
        load_profile(path)
    assert found in str(caught.value)
    assert len(str(caught.value)) < 1_000, "an error is for reading"


def test_malformed_files_are_told_whatever_library_parses_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PyYAML came without its C parser, which has other limits and other words, the errors are the same."""
    monkeypatch.setattr("tinyglow.quant.profile.NUMBERS_LOADER", numbers_loader(yaml.SafeLoader))
    path = tmp_path / "bad.yaml"
    for text, found in MALFORMED.items():
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ProfileError, match=re.escape(found)):
            load_profile(path)


def test_all_faulty_entries_are_listed(tmp_path: Path) -> None:
    """Each of several bad entries is a line of its own; the good ones are not mentioned."""
    bad = [GOOD.replace("x:0", f"v{index}:0").replace("2.0", "-9.0") for index in range(3)]
    (tmp_path / "bad.yaml").write_text(GOOD + "".join(bad), encoding="utf-8")
    with pytest.raises(ProfileError) as caught:
        load_profile(tmp_path / "bad.yaml")
    assert [problem.where for problem in caught.value.problems] == ["entry 2 v0:0", "entry 3 v1:0", "entry 4 v2:0"]


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """A missing file, a folder, a binary file and a huge one are errors that name the file."""
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    for name, found in {
        "missing": "No such file",
        ".": "directory",
        "binary": "expected a profile as",
        "huge": f"has more than {MAX_FILE_BYTES:,} bytes",
    }.items():
        with pytest.raises(ProfileError, match=re.escape(str(tmp_path / name))) as caught:
            load_profile(tmp_path / name)
        assert found in str(caught.value)


def test_saving_is_done_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that cannot be written completely leaves the old one, and nothing beside it."""
    path = tmp_path / "profile.yaml"
    path.write_text("old", encoding="utf-8")

    def full_disk(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(ProfileError, match="No space left on device"):
        save_profile(Profile({"x:0": Range(0.0, 1.0)}), path)
    assert [(entry.name, entry.read_text(encoding="utf-8")) for entry in tmp_path.iterdir()] == [
        ("profile.yaml", "old")
    ]


# Matching a profile to a graph


def _two_layers(tmp_path: Path, seed: int = 0) -> tuple[Graph, Profile]:
    build = NetBuilder(seed)
    y = build.node("Gemm", "x", build.weights(4, 4), build.weights(4), name="dense")
    y = build.node("Gemm", build.node("Relu", y, name="relu"), build.weights(4, 2), build.weights(2), name="dense__1")
    net = build.build({"x": (1, 4)}, [y])
    graph = tinyglow.load(net.save(tmp_path))
    return graph, tinyglow.profile(graph, net.samples(8))


def _renamed(profile: Profile, old: str, new: str) -> Profile:
    return replace(profile, ranges={new if name == old else name: value for name, value in profile.ranges.items()})


def test_missing_values_are_listed_at_once(tmp_path: Path) -> None:
    """A profile without some values is refused with all their names and a word on how to make a fitting one."""
    graph, profile = _two_layers(tmp_path)
    nodes = [node.name for node in graph.nodes]
    kept = {name: value for name, value in profile.ranges.items() if name.removesuffix(":0") not in nodes}
    with pytest.raises(ProfileError, match=f"{len(nodes)} of {len(profile.ranges)} values are missing") as caught:
        tinyglow.quantize(graph, replace(profile, ranges=kept))
    assert [problem.where for problem in caught.value.problems] == nodes
    assert "tinyglow profile" in str(caught.value)


def test_other_numbers_of_the_same_names_are_matched(tmp_path: Path) -> None:
    """Values that another optimizer numbered differently are found by their stem, in the order of their numbers."""
    graph, profile = _two_layers(tmp_path)
    names = [node.name for node in graph.nodes if node.op.kind == "FullyConnected"]
    renumbered = profile
    for name in names:
        renumbered = _renamed(renumbered, f"{name}:0", f"{re.sub('__[0-9]+$', '', name)}__{7 + names.index(name)}:0")
    match = match_profile(graph, renumbered, [node.name for node in graph.nodes])
    assert match.ranges == {node.name: profile.ranges[f"{node.name}:0"] for node in graph.nodes}
    assert set(match.renamed) == set(names)


def test_an_ambiguous_name_is_not_guessed(tmp_path: Path) -> None:
    """Where more candidates than values share a stem, the value is missing rather than wrong."""
    graph, profile = _two_layers(tmp_path)
    old = f"{graph.nodes[-1].name}:0"
    renamed = _renamed(profile, old, "dense__8:0")
    doubtful = replace(renamed, ranges={**renamed.ranges, "dense__9:0": Range(0.0, 1.0)})
    with pytest.raises(ProfileError, match="1 of"):
        tinyglow.quantize(graph, doubtful)


def test_the_profile_of_other_weights_is_refused(tmp_path: Path) -> None:
    """A profile of the same architecture with other weights is refused, naming the weights that differ."""
    graph, _ = _two_layers(tmp_path, seed=0)
    _, other = _two_layers(tmp_path, seed=1)
    with pytest.raises(ProfileError, match="other weights") as caught:
        tinyglow.quantize(graph, other)
    constants = {name for name, value in graph.values.items() if value.data is not None}
    assert {problem.where for problem in caught.value.problems} == constants


@pytest.mark.parametrize("base", [yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)])
def test_lists_of_numbers_are_read_as_yaml_reads_them(base: type) -> None:
    """The loader's short way for whole numbers makes what PyYAML makes, and leaves the rest to it."""
    words = "0, 7, 12, 4294967296, -3, +4, 007, 0o17, 0x1F, 0b11, 1_000, 1:30, 1.5, 1e+06, 1.e+6, .inf, ~, yes, a, '5'"
    text = f"- [{words}, 08, [1, [2, x]], {{3: 4}}]\n- name: 5\n  list: [1, 2]\n"
    expected = yaml.safe_load(text)
    found = yaml.load(text, Loader=numbers_loader(base))
    assert repr(found) == repr(expected)
    assert 4294967296 in found[0] and "08" in found[0] and 7 in found[0]


def test_ranges_wider_than_any_float_are_counted() -> None:
    """From the largest negative number to the largest one there is no width in float32."""
    recorder = RangeRecorder(bins=8)
    for pair in ((1.0, 0.0), (-3.4e38, 3.4e38), (3.3e38, -3.3e38)):
        recorder.update(np.array(pair, np.float32))
    found = recorder.finish()
    assert sum(found.histogram) == 6 and found.histogram[0] == found.histogram[-1] == 2
