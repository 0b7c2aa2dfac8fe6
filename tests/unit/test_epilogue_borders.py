"""What epilogues' obligations allow, up to the last sum; which constants have a form in words; and what words hold."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import MOST_NARROW, ChannelWords, Epilogue, LastShift, Narrow, TwoWords
from tinyglow.numerics.epilogues import EPILOGUES
from tinyglow.numerics.epilogues.glow import FOLDED_OFFSET, GLOW, HIGH_WORD, fits_high_word, within_int32
from tinyglow.numerics.epilogues.onnx import ONNX
from tinyglow.numerics.epilogues.onnxi import ONNXI
from tinyglow.numerics.epilogues.onnxi20 import ONNXI20
from tinyglow.numerics.epilogues.tflite import TFLITE
from tinyglow.numerics.epilogues.tflite20 import TFLITE20
from tinyglow.numerics.epilogues.tflm import TFLM
from tinyglow.numerics.epilogues.tflmr import TFLMR
from tinyglow.numerics.epilogues.tflmr20 import TFLMR20
from tinyglow.numerics.glow import Requant

MOST = 2**31 - 1


def _ends(holds: Callable[[int], bool]) -> tuple[int, int]:
    """The least and the largest sum of 32 bits that are allowed; obligations are monotone in the magnitude."""
    found = []
    for sign in (-1, 1):
        low, high = 0, 2**31 + 1  # the largest that is, and the first that is not
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if holds(sign * middle) else (low, middle)
        found.append(sign * low)
    return found[0], found[1]


def test_sums_that_glow_does_not_wrap() -> None:
    """The product of the shifted sum, and the offset and half before the last shift, fit 32 bits."""
    for own in (
        Requant(0, 8, 300, 0),
        Requant(3, 15, 77, 0),
        Requant(0, 0, 5, 0),
        Requant(0, 31, 1, 0),
        Requant(1, 9, 1, 0),
    ):
        for offset in (0, 1, 128):
            room = MOST - ((offset + 1) << own.post)
            least, largest = _ends(lambda x, own=own, offset=offset: within_int32(x, own, offset))
            if room < 0:
                assert not within_int32(0, own, offset)
                continue
            steps = room // own.multiplier
            assert (least, largest) == (max(-steps << own.pre, -(2**31)), min(((steps + 1) << own.pre) - 1, 2**31))
    assert not within_int32(0, Requant(0, 8, 0, 0), 0) and not within_int32(0, Requant(0, 8, -5, 0), 0)
    assert within_int32(0, Requant(0, 8, 1, 0), 0)


def test_obligations_of_glow_s_words() -> None:
    """That of a folded offset has its magnitude; that of the upper word and of rising results have none."""
    own = Requant(2, 10, 500, -100)
    plain, folded = (_ends(lambda x, o=o: within_int32(x, own, o)) for o in (0, 100))
    assert plain != folded
    assert _ends(lambda x: FOLDED_OFFSET.holds(x, own)) == folded and _ends(lambda x: HIGH_WORD.holds(x, own)) == plain
    bound = min(-plain[0], plain[1])
    assert GLOW.rises(bound, own) and not GLOW.rises(bound + 4, own)
    uneven = Requant(4, 10, 500, 0)  # shifted down, a negative sum is one step larger than a positive one
    least, largest = _ends(lambda x: within_int32(x, uneven, 0))
    assert -least < largest and GLOW.rises(-least, uneven) and not GLOW.rises(-least + 1, uneven)
    assert GLOW.holds(-(2**31), own)


def test_which_constants_are_the_upper_word_of_a_product() -> None:
    """Those with a last shift, whose multiplier moved up to the word's end is an int32 above 0."""
    cases = {
        (0, 1): False,
        (1, 1): False,
        (2, 1): True,
        (2, 2): False,
        (2, 0): False,
        (2, -1): False,
        (31, 2**30): False,
    }
    cases |= {(31, 2**30 - 1): True, (31, MOST): False, (8, 127): True, (8, 128): False, (24, 2**23 - 1): True}
    for (post, multiplier), due in cases.items():
        assert fits_high_word(Requant(0, post, multiplier, 0)) == due, (post, multiplier)
        assert (HIGH_WORD.words([Requant(5, post, multiplier, 0)]) is not None) == (due and post <= 24)
    words = HIGH_WORD.words([Requant(5, 24, 2**23 - 1, 9), Requant(31, 2, 1, 0)])
    assert words is not None and words.dtype == np.int32
    assert words.tolist() == [5 + ((2**23 - 1) << 8), 31 + (1 << 30)]
    assert HIGH_WORD.words([Requant(0, 2, 1, 0), Requant(0, 25, 1, 0)]) is None


def test_which_constants_fold_into_a_word() -> None:
    """Shifts in two bytes, the last less one, and a multiplier of 16 bits."""
    words = FOLDED_OFFSET.words([Requant(31, 31, 2**16 - 1, 9), Requant(0, 1, 1, 0)])
    assert words is not None and words.dtype == np.int32
    assert words.view(np.uint32).tolist() == [31 + (30 << 8) + ((2**16 - 1) << 16), 1 << 16]
    for post, multiplier in ((0, 1), (1, 0), (1, -1), (1, 2**16)):
        assert FOLDED_OFFSET.words([Requant(0, 1, 1, 0), Requant(0, post, multiplier, 0)]) is None


@pytest.mark.parametrize("form", [FOLDED_OFFSET, HIGH_WORD, TwoWords(GLOW), TwoWords(TFLM), LastShift(TFLITE, 0)])
def test_words_hold_their_constants(form: ChannelWords) -> None:
    """Channels with constants of their own, whose words give what the epilogue gives."""
    epilogue = form._epilogue if isinstance(form, TwoWords | LastShift) else GLOW
    constants = [epilogue.constants(scale, -11) for scale in (0.0123, 0.00071)]
    if epilogue is GLOW:
        constants += [Requant(3, 10, 500, -11), Requant(1, 17, 9000, -11)]
    words, sums = form.words(constants), np.arange(-4000, 4000, dtype=np.int32).reshape(-1, len(constants))
    assert words is not None and words.dtype == np.int32
    assert np.array_equal(form.apply(sums, words, -11), epilogue.requantize_channels(sums, constants))
    assert form.holds_for([(-9, 9)] * len(constants), constants)


def test_two_words() -> None:
    """The multiplier, and both shifts in bytes; the obligation is the epilogue's; a name for C."""
    form = TwoWords(TFLM)
    assert form.words([Requant(31, 17, 99, 5), Requant(0, 1, -3, 0)]).tolist() == [[99, 31 + (17 << 8)], [-3, 256]]
    assert form.words([]).shape == (0, 2)
    constants = TFLM.constants(3.0)
    assert _ends(lambda x: form.holds(x, constants)) == _ends(lambda x: TFLM.holds(x, constants))
    assert (form.c_function, form.c_header) == ("tg_epilogue_tflm_by", "tg_epilogue_tflm.h")


@pytest.mark.parametrize("pre", [0, 1, 5])
def test_last_shifts(pre: int) -> None:
    """The multiplier, and the last shift less one, where the first shift is the one that all have."""
    form = LastShift(TFLM, pre)
    words = form.words([Requant(pre, 1, 7, 3), Requant(pre, 31, MOST, 0)])
    assert words is not None and words.tolist() == [[7, 0], [MOST, 30]]
    assert form.words([Requant(pre, 0, 7, 3)]) is None and form.words([Requant(pre + 1, 1, 7, 3)]) is None


def _last_holds(epilogue: Epilogue, total: int, own: Requant) -> bool:
    """The upper word, two for its rounding, and half a step with the offset in it stay below 2 ** 31."""
    upper = (abs(total) * 2**own.pre * own.multiplier) // 2**32
    return epilogue.holds(total, own) and upper + 2 + (2 * abs(own.offset) + 1) * 2 ** (own.post - 1) < 2**31


def _narrow_holds(epilogue: Epilogue, bits: int, total: int, own: Requant) -> bool:
    """And of a sum of 20 bits the product over 2 ** 20, with half of its parts' last shift."""
    product = abs(total) * own.multiplier // 2**20 + 2 + 1024
    fits = product + (2 * abs(own.offset) + 1) * 2 ** (own.post - 1 + bits) < 2**31
    return _last_holds(epilogue, total, own) and abs(total) < 2**20 and fits and own.post + bits <= 31


@pytest.mark.parametrize("post", [1, 2, 7, 12, 16, 17, 18, 19, 20, 21, 22, 23, 24, 30, 31])
def test_obligations_of_last_shifts(post: int) -> None:
    """To the last sum: of constants of all sizes."""
    last, narrow = LastShift(TFLM, 1), Narrow(TFLM, 1, 11)
    for multiplier in (1, 2**20, 2**30, 1_300_000_000, MOST):
        for offset in (0, -128, 127, 100):
            own = Requant(1, post, multiplier, offset)
            assert _ends(lambda x, own=own: last.holds(x, own)) == _ends(lambda x, own=own: _last_holds(TFLM, x, own))
            due = _ends(lambda x, own=own: _narrow_holds(TFLM, 11, x, own))
            assert _ends(lambda x, own=own: narrow.holds(x, own)) == due
            assert last.holds(0, own) == _last_holds(TFLM, 0, own)
            assert narrow.holds(0, own) == _narrow_holds(TFLM, 11, 0, own)


@pytest.mark.parametrize("epilogue", [TFLITE, TFLM, TFLMR], ids=lambda one: one.name)
def test_sums_leave_room_for_the_shift_to_the_left(epilogue: Epilogue) -> None:
    """To the last: of scales above and below 1."""
    for scale in (0.01, 0.3, 0.7, 1.0, 3.0, 1000.0):
        own = epilogue.constants(scale)
        least, largest = _ends(lambda x, own=own: epilogue.holds(x, own))
        assert (least, largest) == (-(2**31) >> own.pre, MOST >> own.pre)
        assert epilogue.inside(-5, own) == (5 << own.pre, MOST)
        assert epilogue.rises(largest, own) and not epilogue.rises(largest + 1, own)


def test_sums_that_a_float_holds() -> None:
    """24 bits; or 20, where the loop takes no more."""
    own = ONNXI.constants(0.013)
    assert _ends(lambda x: ONNXI.holds(x, own)) == (1 - 2**24, 2**24 - 1)
    assert ONNXI.inside(-5, own) == (5, 2**24 - 1)
    for epilogue in (ONNXI20, TFLITE20, TFLMR20):
        assert epilogue.inside(-5, own) == (5, 2**20 - 1) == (5, MOST_NARROW) and epilogue.narrow is None


def test_which_kernels_there_are_of_an_epilogue() -> None:
    """Those of sums of 20 bits only have loops of ARMv6-M; the bits and shifts are those of their C."""
    serving = {name for name, epilogue in EPILOGUES.items() if epilogue.serves(False)}
    assert serving == {"glow", "onnx", "onnxi", "tflite", "tflm", "tflmr"}
    assert all(epilogue.serves(True) for epilogue in EPILOGUES.values())
    bits = {name: epilogue.narrow_bits for name, epilogue in EPILOGUES.items() if epilogue.narrow_bits}
    assert bits == {"onnxi20": 14, "tflite20": 12, "tflmr20": 11}
    firsts = {name: e.folded._pre for name, e in EPILOGUES.items() if isinstance(e.folded, LastShift)}
    assert firsts == {"tflite": 0, "tflm": 1, "tflmr": 1, "onnxi": 5, "onnxi20": 5, "tflite20": 0, "tflmr20": 1}
    assert {name: e.high._pre for name, e in EPILOGUES.items() if isinstance(e.high, LastShift)} == firsts
    names = {name: epilogue.narrow.name for name, epilogue in EPILOGUES.items() if epilogue.narrow}
    assert names == {"onnxi": "onnxi20", "tflite": "tflite20", "tflmr": "tflmr20"}


def test_float_scales_as_integers() -> None:
    """The float's bits; times 2 ** 35 an integer of 31 bits above 0, or there is none."""
    assert ONNX.constants(0.25, 3) == Requant(0, 0, 0x3E800000, 3) and ONNX.constants(0.25).offset == 0
    for scale in (0.0, -1.0, math.inf, math.nan, 1e39, -0.0):
        with np.errstate(over="ignore"), pytest.raises(ValueError, match="not a positive finite float"):
            ONNX.constants(scale)
    assert (
        ONNXI.constants(2.0**-35, 7) == Requant(5, 1, 1, 7)
        and ONNXI.constants(0.0625 - 2.0**-28).multiplier == 2**31 - 2**7
    )
    assert ONNXI.constants(0.01).offset == 0
    for scale in (2.0**-36, 3 * 2.0**-36, 0.0625):
        with pytest.raises(ValueError, match="no integer of 31 bits"):
            ONNXI.constants(scale)
    assert ONNXI.form_of(Requant(0, 0, int(np.float32(-0.01).view(np.int32)), 0)) is None


def test_sums_times_floats() -> None:
    """To nearest, ties to even; far products are bounded on both sides."""
    sums = np.array([1, -1, 3, -3, 5, 2**24 + 1, -(2**24) - 1, 2**31 - 1, -(2**31)], np.int32)
    own = ONNX.constants(0.5, 10)
    assert ONNX.requantize(sums, own).tolist() == [10, 10, 12, 8, 12, 2**20 + 10, 10 - 2**20, 2**20 + 10, 10 - 2**20]
    assert ONNX.requantize(np.array([2**20 - 1, 2**20, 2**20 + 1, -(2**20) - 1]), ONNX.constants(1.0)).tolist() == [
        2**20 - 1, 2**20, 2**20, -(2**20)
    ]  # fmt: skip
    assert glow.INT32_MAX == MOST and ONNX.holds(-(2**31), own)
