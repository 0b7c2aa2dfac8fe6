"""A slice of the damaged models that ``python -m tests.mutations`` reads by the thousand: always the same."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.mutations.corpus import FORMATS
from tests.mutations.run import READ, REFUSED, Outcome, run
from tinyglow.testing.budget import is_full

# In full mode as many as a release asks for.
_COUNT = 20_000 if is_full() else 250
# Models that once ended otherwise, by their seeds.
_ONCE_AT_FAULT = (753, 804, 1108, 2370, 3456, 3560, 7142, 9257, 10074, 10529, 16133)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    """What became of them."""
    folder = tmp_path_factory.mktemp("damaged")
    return [run(seed, folder) for seed in (*_ONCE_AT_FAULT, *range(_COUNT))]


@pytest.mark.slow
def test_damaged_models_are_read_or_refused(outcomes: list[Outcome]) -> None:
    """No other exception, nothing that takes long, no file outside of the model's folder, no gigabytes."""
    assert [outcome for outcome in outcomes if outcome.is_fault] == []


def test_both_happen_in_every_format(outcomes: list[Outcome]) -> None:
    """A damage that always or never matters would test nothing."""
    counts = Counter((outcome.format, outcome.kind) for outcome in outcomes)
    assert all(counts[format_, REFUSED] for format_ in FORMATS)
    assert sum(counts[format_, READ] for format_ in FORMATS) > len(outcomes) // 10
