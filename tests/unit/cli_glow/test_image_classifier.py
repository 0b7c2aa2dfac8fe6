"""image-classifier: which images, which answer, printed as Glow prints it."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyglow
from tests.helpers import MNIST_INPUT, Answer, NetBuilder, Place, run_cli
from tinyglow.images import ImageOptions, load_images
from tinyglow.pipeline.execute import simulate
from tinyglow.quant.profile import load_profile
from tinyglow.report.classes import result_lines, top_classes
from tinyglow.targets.boards import load_board

OPTIONS = ("-model=mnist.onnx", f"-model-input-name={MNIST_INPUT}", "-image-mode=0to1", "-image-layout=NHWC")
DIGITS = [f"digits/{digit}_0.png" for digit in range(10)]


def _classify(*more: object) -> Answer:
    return run_cli("image-classifier", *OPTIONS, *more)


def _labels(answer: Answer) -> list[int]:
    assert answer.status == 0, answer.err
    return [int(label) for label in re.findall(r"Label-K1: (\d+) ", answer.out)]


def test_result_lines(place: Place) -> None:
    """The folder of the model, the threads, and for each image its file, class and score, to the character."""
    answer = _classify("digits/4_0.png", "digits/7_0.png")
    graph = tinyglow.load("mnist.onnx", define={"N": 1})
    images = load_images(["digits/4_0.png", "digits/7_0.png"], ImageOptions("0to1", "NHWC"))
    scores = tinyglow.interp.run_graph(graph, {MNIST_INPUT: images[:, np.newaxis]})["dense_2"].reshape(2, 10)
    assert (answer.status, answer.err) == (0, "")
    assert answer.out == (
        "Model: .\nRunning 1 thread(s).\n"
        f" File: digits/4_0.png\tLabel-K1: 4 (probability: {scores[0, 4]:.4f})\n"
        f" File: digits/7_0.png\tLabel-K1: 7 (probability: {scores[1, 7]:.4f})\n"
    )


def test_several_classes_and_softmax(place: Place) -> None:
    """-topk prints so many classes below each other; softmax makes their scores a share of 1."""
    answer = _classify("digits/4_0.png", "-topk=10", "-compute-softmax")
    lines = answer.out.splitlines()[2:]
    assert lines[0].startswith(" File: digits/4_0.png\tLabel-K1: 4 (probability: ")
    assert all(re.fullmatch(rf"\t{{6}}Label-K{k}: \d \(probability: 0\.\d{{4}}\)", lines[k - 1]) for k in range(2, 11))
    shares = [float(share) for share in re.findall(r"probability: ([\d.]+)", answer.out)]
    assert shares == sorted(shares, reverse=True)
    assert abs(sum(shares) - 1) < 0.001


@pytest.mark.parametrize("graph", ["glow", "tiny"])
def test_quantized(place: Place, graph: str) -> None:
    """With a profile the network is quantized first, and still knows the digits."""
    assert _classify(*DIGITS, "-dump-profile=p.yaml", f"-graph={graph}").status == 0
    answer = _classify(*DIGITS, "-load-profile=p.yaml", "-quantization-schema=symmetric", f"-graph={graph}")
    assert _labels(answer) == list(range(10))
    assert answer.out != _classify(*DIGITS).out  # the scores are not those of the float network


@pytest.mark.slow  # compiles C
def test_the_bundle_gives_the_same_scores(place: Place) -> None:
    """What is printed for the quantized network is what its bundle computes; the tool can write that bundle too."""
    assert _classify(*DIGITS, "-dump-profile=p.yaml").status == 0
    scheme = ("-load-profile=p.yaml", "-quantization-schema=symmetric_with_power2_scale")
    printed = _classify(*DIGITS, *scheme, "-topk=1").out
    assert _classify(*DIGITS, *scheme, "-emit-bundle=bundle", "-network-name=net").status == 0
    images = load_images(DIGITS, ImageOptions("0to1", "NHWC"))
    scores = simulate("bundle", load_board("host"), {MNIST_INPUT: images}).outputs["dense_2"]
    lines = [result_lines(file, row, top_classes(row, 1)) for file, row in zip(DIGITS, scores, strict=True)]
    assert printed.splitlines()[2:] == lines


def test_where_images_come_from(place: Place) -> None:
    """A folder, by the alphabet, or a list of files, one a line, are as good as files among the arguments."""
    place.file("list.txt", "digits/9_0.png\n\ndigits/1_0.png\n")
    assert _labels(_classify("-input-image-dir=digits")) == list(range(10))
    assert _labels(_classify("-input-image-list-file", "list.txt")) == [9, 1]


def test_expected_labels(place: Place) -> None:
    """A class that is not among the first is named, and makes the exit status 1; an offset moves all classes."""
    assert _classify(*DIGITS[:2], "-expected-labels=0,1").status == 0
    wrong = _classify(*DIGITS[:2], "-expected-labels=0,2")
    assert wrong.status == 1
    assert wrong.out.endswith(" File: digits/1_0.png doesn't match index: 2 in the top 1 pairs\n")
    moved = _classify("digits/5_0.png", "-label-offset=1", "-expected-labels=4")
    assert (moved.status, _labels(moved)) == (0, [4])


def test_the_shape_may_come_from_the_model_input(place: Place) -> None:
    """The symbol N is bound by -onnx-define-symbol, by the shape of -model-input or by the images themselves."""
    ways = [(), ("-onnx-define-symbol=N,1",)]
    rest = ("-image-mode=0to1", "-image-layout=NHWC", "digits/3_0.png", "-model=mnist.onnx")
    answers = [run_cli("image-classifier", f"-model-input-name={MNIST_INPUT}", *rest, *way) for way in ways]
    answers.append(run_cli("image-classifier", f"-model-input={MNIST_INPUT},float,[1,28,28,1]", *rest))
    assert len({answer.out for answer in answers}) == 1
    assert _labels(answers[0]) == [3]


def test_minibatches(place: Place) -> None:
    """The answers are the same in batches; a profile has the same ranges, and counts constants once a batch."""
    assert _classify(*DIGITS, "-minibatch=5").out == _classify(*DIGITS).out
    for batch in ("1", "5", "0"):
        assert _classify(*DIGITS, f"-minibatch={batch}", f"-dump-profile=p{batch}.yaml").status == 0
    one, five, all_ = (load_profile(f"p{batch}.yaml").ranges for batch in "150")
    assert one.keys() == five.keys() == all_.keys()
    for name, range_ in one.items():
        for other in (five[name], all_[name]):  # sums of products in another order
            assert np.allclose([range_.low, range_.high], [other.low, other.high], rtol=1e-5)
    graph = tinyglow.load("mnist.onnx", define={"N": 1}, like_glow=True)
    bias = next(name for name, value in graph.values.items() if value.data is not None and value.type.shape == (10,))
    assert [sum(profile[f"{bias}:0"].histogram) for profile in (one, five, all_)] == [100, 20, 10]


def test_tinyglow_profile_is_the_same(place: Place) -> None:
    """The ranges are those of 'tinyglow profile'; those beyond the graph's values are of parts of lowered nodes."""
    assert _classify(*DIGITS, "-dump-profile=ours.yaml").status == 0
    images = load_images(DIGITS, ImageOptions("0to1", "NHWC"))
    graph = tinyglow.load("mnist.onnx", define={"N": 1}, like_glow=True)
    expected = tinyglow.profile(graph, {MNIST_INPUT: images}).ranges
    found = load_profile("ours.yaml").ranges
    assert found == expected
    values = {f"{name}:0" for name in graph.values}
    assert found.keys() > values
    assert any(name.endswith("_max:0") for name in found.keys() - values)
    np.save("images.npy", images)
    samples = ("--input", f"{MNIST_INPUT}=images.npy")
    assert run_cli("profile", "mnist.onnx", "--define=N=1", "--graph=glow", *samples, "-o", "other.yaml").status == 0
    assert load_profile("other.yaml").ranges == found


@pytest.mark.parametrize(
    ("arguments", "because"),
    [
        ((), ("images: are missing",)),
        (("digits/1_0.png", "-input-image-dir=digits"), ("in two ways",)),
        (("digits/1_0.png", "digits/2_0.png", "digits/3_0.png", "-minibatch=2"), ("does not divide the 3 images",)),
        (("digits/1_0.png", "-load-profile=a", "-dump-profile=b"), ("cannot be used together",)),
        (("digits/1_0.png", "-convert-placeholders"), ("-emit-bundle",)),
        (("digits/1_0.png", "-expected-labels=1,2"), ("has 2 classes for 1 images",)),
        (("digits/1_0.png", "-expected-labels=x"), ("is no class",)),
        (("digits/1_0.png", "-topk=11"), ("of 10 classes",)),
        (("digits/1_0.png", "missing.png"), ("missing.png: No such file",)),
        (("digits/1_0.png", "-image-layout=NCHW"), ("expected 1 x 28 pixels, 28 channels", "try -image-layout=NHWC")),
        (("-input-image-list-file=missing.txt",), ("missing.txt",)),
        (("-input-image-dir=missing",), ("missing",)),
        (("digits/1_0.png", "-mean=a"), ("-mean=a",)),
        (("digits/1_0.png", "-mean=1,2"), ("-mean: has 2 values",)),
        (("digits/1_0.png", "-mean=1", "-use-imagenet-normalization"), ("cannot be used together",)),
        (("digits/1_0.png", "-model-input=x,float,[1,28,28,1]"), ("is no input of the model", MNIST_INPUT)),
        (("digits/1_0.png", f"-model-input={MNIST_INPUT},double,[1]"), ("one of the types",)),
        (("digits/1_0.png", "-network-name=x"), ("-emit-bundle",)),
    ],
)
def test_what_is_refused(place: Place, arguments: tuple[str, ...], because: tuple[str, ...]) -> None:
    """What does not fit is an error that says why, before anything is printed or written."""
    given = {argument.partition("=")[0] for argument in arguments}
    given |= {"-model-input-name"} if "-model-input" in given else set()
    rest = [option for option in OPTIONS if option.partition("=")[0] not in given]
    place.refuses("image-classifier", *rest, *arguments, because=because)


def test_networks_that_take_no_single_image(place: Place) -> None:
    """Two inputs, or no dimension for classes, are refused with what is there."""
    build = NetBuilder()
    build.node("Add", "a", "b", output="y")
    build.build({"a": (1, 1, 28, 28), "b": (1, 1, 28, 28)}, ["y"]).save(place.folder)
    build = NetBuilder()
    build.node("Relu", "a", output="y")
    place.file("relu.onnx", build.build({"a": (1, 1, 28, 28)}, ["y"]))
    model = next(path for path in place.folder.glob("*.onnx") if path.name not in ("mnist.onnx", "relu.onnx"))
    place.refuses("image-classifier", "digits/1_0.png", f"-model={model}", because="takes no single image")
    place.refuses("image-classifier", "digits/1_0.png", "-model=relu.onnx", because="does not classify")


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=12), st.data())
def test_equal_scores_as_in_glows_queue(scores: list[int], data: st.DataObject) -> None:
    """The best classes are those of a queue that a class enters only by a higher score than its lowest."""
    count = data.draw(st.integers(0, len(scores)))
    queue: list[tuple[int, int]] = []
    for index, score in enumerate(scores):
        if len(queue) < count:
            queue.append((score, index))
        elif queue and min(queue)[0] < score:
            queue[queue.index(min(queue))] = (score, index)
    expected = [index for _, index in sorted(queue)[::-1]]
    assert top_classes(np.array(scores, np.float32), count) == expected


def test_a_label_below_zero_wraps() -> None:
    """Glow's labels are unsigned: 0 with an offset of 1 is the largest number of 64 bits."""
    assert result_lines("x", np.array([2.0], np.float32), [0], 1) == (
        " File: x\tLabel-K1: 18446744073709551615 (probability: 2.0000)"
    )
