"""From a profile to a tuned one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinyglow.errors import InputError, Problem
from tinyglow.ir.graph import Array, Graph
from tinyglow.quant.profile import Profile
from tinyglow.quant.scheme import Scheme
from tinyglow.tuning.algorithm import Network, Surroundings, TuningOptions, tune_ranges
from tinyglow.tuning.evaluator import Evaluator
from tinyglow.tuning.executor import MAX_JOBS, parse_executor
from tinyglow.tuning.journal import Journal, JournaledNetwork, identity
from tinyglow.tuning.network import Counter, TunedNetwork, check_samples
from tinyglow.tuning.workers import Workers


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def counter(
    images: Array,
    labels: Array,
    jobs: int = 0,
    executor: str = "",
    note: Callable[[str], None] = lambda text: None,
) -> Iterator[Counter]:
    """What counts right answers: a cluster, or ``jobs`` processes (0: as many as there are cores; 1: this process)."""
    if executor:
        from tinyglow.tuning.cluster import Cluster
        from tinyglow.tuning.cluster_client import sources

        with sources(parse_executor(executor), note) as reached, Cluster(reached, images, labels) as cluster:
            yield cluster
        return
    if not 0 <= jobs <= MAX_JOBS:
        raise InputError("too many processes", [Problem("-jobs", f"is {jobs}", f"1 to {MAX_JOBS}, or 0")])
    jobs = jobs or min(cores(), MAX_JOBS)
    if jobs == 1 or len(images) < 2:
        yield Evaluator(images, labels)
        return
    with Workers(images, labels, jobs) as workers:
        yield workers


def tune(
    graph: Graph,
    profile: Profile,
    images: Array,
    labels: npt.ArrayLike,
    scheme: Scheme | None = None,
    options: TuningOptions | None = None,
    jobs: int = 0,
    checkpoint: str | Path | None = None,
    executor: str = "",
    note: Callable[[str], None] = lambda text: None,
    say: Callable[[str], None] = lambda line: None,
    advance: Callable[[int], None] = lambda tensors: None,
    resumed: Callable[[int], None] = lambda answers: None,
) -> Profile:
    """Narrow the ranges of a profile as long as the quantized network gets more samples right, as model-tuner does.

    Args:
        graph: The float graph.
        profile: The ranges to start from.
        images: float32 [samples, *shape].
        labels: [samples], the class of each sample.
        scheme: How to quantize.
        options: Target accuracy and limits of the search.
        jobs: Number of processes; 0 takes one for each core of this machine. The result is the same for any number.
        checkpoint: A file from which a stopped tuning goes on, when it is called again with the same arguments. It is
            removed at the end.
        executor: Computes on a cluster instead: ``local:N`` or ``dask://HOST:PORT``. The result is the same.
        note: Is called with what happens to the cluster, such as that its scheduler was lost.
        say: Is called with each line that Glow's model-tuner would print.
        advance: Is called with 1 after each tensor.
        resumed: Is called with the number of answers that ``checkpoint`` holds already, if there are any.

    Returns:
        The profile with narrowed ranges.

    Raises:
        InputError: The samples do not fit the network.
        ProfileError: The profile does not fit the network.
        ToolError: The cluster cannot be used, or was lost for good. The checkpoint has all answers up to then.
    """
    scheme, classes = scheme or Scheme(), np.asarray(labels)
    check_samples(graph, images, classes)
    images = np.ascontiguousarray(images, np.float32)
    with counter(images, classes, jobs, executor, note) as count:
        network: Network = TunedNetwork(graph, profile, scheme, images, classes, count)
        journal, around = None, Surroundings(say, advance)
        if checkpoint is not None:
            journal = Journal.open(checkpoint, identity(graph, profile, scheme, images, classes))
            if journal.found:
                resumed(journal.found)
            network, around = JournaledNetwork(network, journal), Surroundings(say, advance, journal.clock)
        result = tune_ranges(network, profile.ranges, scheme.schema, options or TuningOptions(), around)
        if journal is not None:
            journal.close()
    return replace(profile, ranges=result.ranges)
