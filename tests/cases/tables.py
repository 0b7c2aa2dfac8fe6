"""What others found once, and the test that holds each of it: inputs that broke something, and mutations unnoticed."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BAD, BUNDLE = "tests/unit/bad_input", "tests/unit/bundle"
EDGES = "tests/unit/test_edges.py"
HERE = "tests/unit/bad_input/test_findings.py"


@dataclass(frozen=True)
class Finding:
    """An input that found something. what: it did; tests: ``file::function``, which say what is right."""

    what: str
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Mutation:
    """A change of one token that no test noticed: ``old`` in a line of ``file`` that holds ``line``; now one does."""

    file: str
    line: str
    old: str
    new: str
    test: str


FINDINGS = {
    1: Finding("an operator set of 2**63 - 1", (f"{HERE}::test_an_operator_set_beyond_all",)),
    2: Finding("a graph input without a name", (f"{HERE}::test_an_input_without_a_name",)),
    3: Finding("a product of int8 that is declared INT64", (f"{HERE}::test_a_product_declared_as_another_type",)),
    4: Finding("a constant of no elements with huge dimensions", (f"{HERE}::test_a_constant_of_nothing_but_huge",)),
    5: Finding(
        "recordings that unpack to gigabytes, or are damaged", (f"{BAD}/test_recordings.py::test_damaged_recordings",)
    ),
    6: Finding(
        "board files nested deep, or with thousands of digits",
        (f"{BAD}/test_bounds.py::test_board_files_that_ask_for_much",),
    ),
    7: Finding("a profile of 400 KB of 1:1:1", (f"{BAD}/test_bounds.py::test_numbers_of_profiles_are_short",)),
    8: Finding(
        "a process killed between renames",
        (
            f"{BUNDLE}/test_whole.py::test_a_killed_process_leaves_no_mixture_that_runs",
            f"{BUNDLE}/test_whole.py::test_parts_of_two_bundles_are_refused",
            f"{BUNDLE}/test_whole.py::test_staging_folders_of_running_processes_stay",
        ),
    ),
    9: Finding(
        "137 bytes that become 3 GB", (f"{BAD}/test_bounds.py::test_constants_are_refused_before_they_are_made",)
    ),
    10: Finding("pools that take k x k memory", (f"{BAD}/test_bounds.py::test_pools_take_memory_in_proportion",)),
    11: Finding(
        "macros padded to the longest name",
        (f"{BUNDLE}/test_c_names.py::test_columns_do_not_grow_with_the_longest_name",),
    ),
    12: Finding(
        "networks named as macros and functions of C",
        (f"{BUNDLE}/test_files.py::test_names_that_c_does_not_allow_are_refused",),
    ),
    13: Finding(
        "a user's files deleted or written over",
        (
            f"{BUNDLE}/test_whole.py::test_what_is_no_bundles_is_not_replaced",
            f"{BUNDLE}/test_files.py::test_a_new_bundle_replaces_an_old_one",
        ),
    ),
    14: Finding(
        "a closed pipe read as a difference", (f"{BAD}/test_strangers.py::test_a_closed_pipe_is_no_difference",)
    ),
    15: Finding(
        "a model written over by its profile",
        (f"{BAD}/test_strangers.py::test_a_model_is_not_written_over_by_what_is_made_of_it",),
    ),
    16: Finding("a bundle whose C reads files", (f"{BAD}/test_strangers.py::test_a_strangers_bundle_reads_nothing",)),
    17: Finding(
        "a stranger's code run unasked", (f"{BAD}/test_strangers.py::test_a_strangers_code_does_not_run_here",)
    ),
    18: Finding("tags in a profile", (f"{HERE}::test_tags_of_a_profile",)),
}

MUTATIONS = (
    Mutation(
        "runtime_c/src/softmax/tg_softmax_s8.c",
        "shift < 32",
        "32",
        "31",
        f"{EDGES}::test_softmax_in_c_at_the_ends_of_its_numbers",
    ),
    Mutation(
        "runtime_c/src/softmax/tg_softmax_s8.c",
        "(a & 1) * low",
        "& 1",
        "& 0",
        f"{EDGES}::test_softmax_in_c_at_the_ends_of_its_numbers",
    ),
    Mutation(
        "runtime_c/include/tg_packed.h", "cmp r2, #16", "#16", "#15", f"{EDGES}::test_codes_of_16_bits_are_read_whole"
    ),
    Mutation(
        "tinyglow/numerics/glow.py",
        "while scale < 255",
        "<",
        "<=",
        f"{EDGES}::test_a_scale_of_exactly_255_needs_no_shift_before",
    ),
    Mutation(
        "tinyglow/numerics/wide.py",
        "_scaled_up(largest, shift) > limit",
        "> limit",
        ">= limit",
        f"{EDGES}::test_a_factor_that_fills_its_bits_keeps_its_shift",
    ),
    Mutation(
        "tinyglow/kernels/accumulator.py",
        "((largest >> requant.pre) + 1)",
        "+ 1",
        "- 1",
        f"{EDGES}::test_a_bias_is_refused_from_the_first_that_may_not_fit",
    ),
    Mutation(
        "tinyglow/passes/channel_ranges.py",
        "+ (1 << requant.post)",
        "+ (1",
        "- (1",
        f"{EDGES}::test_sums_whose_rounding_leaves_32_bits_say_nothing",
    ),
    Mutation(
        "tinyglow/passes/channel_ranges.py",
        "pad >= window.extent",
        ">=",
        ">",
        f"{EDGES}::test_a_window_in_the_padding_alone_gives_zero",
    ),
    Mutation(
        "tinyglow/passes/chains.py",
        "constant - shift",
        "-",
        "+",
        f"{EDGES}::test_a_constant_less_a_convolution_is_a_convolution",
    ),
    Mutation(
        "tinyglow/passes/chains.py",
        "min(pads) < 0",
        "< 0",
        "< -9",
        f"{EDGES}::test_a_pad_that_crops_does_not_go_into_a_convolution",
    ),
    Mutation(
        "tinyglow/quant/calibration.py",
        "ratio_low > ratio_high",
        ">",
        "<",
        f"{EDGES}::test_a_symmetric_range_loses_no_more_than_its_window",
    ),
    Mutation(
        "tinyglow/lowering/plan.py",
        "source.last == step == target.first",
        "last ==",
        "last >=",
        f"{EDGES}::test_an_output_trails_an_input_only_where_that_is_read_for_the_last_time",
    ),
)


def exists(test: str) -> bool:
    """Whether there is a test function ``file::name``."""
    file, _, name = test.partition("::")
    path = ROOT / file
    if not path.is_file():
        return False
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef) and node.name == name for node in tree.body)


def planted(mutation: Mutation, text: str) -> str:
    """The file's text with the mutation. Raises ValueError unless exactly one line is the one that is meant."""
    lines = text.splitlines(keepends=True)
    found = [number for number, line in enumerate(lines) if mutation.line in line]
    if len(found) != 1:
        raise ValueError(f"{mutation.file}: {len(found)} lines hold {mutation.line!r}")
    changed = mutation.line.replace(mutation.old, mutation.new, 1)
    lines[found[0]] = lines[found[0]].replace(mutation.line, changed)
    return "".join(lines)
