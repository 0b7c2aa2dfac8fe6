"""Trials one after the other, as long as asked, and a folder for each network that shows a fault."""

from __future__ import annotations

import contextlib
import itertools
import json
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import numpy as np

from tinyglow.errors import InputError, Problem, reason
from tinyglow.quant.profile import save_profile
from tinyglow.sim.object_cache import compiling_once
from tinyglow.testing.fuzz.networks import Network, drawn
from tinyglow.testing.fuzz.options import Options
from tinyglow.testing.fuzz.trial import EQUAL, NAME, REFUSED, RUNS, Outcome, read_network, try_network


@dataclass
class Sweep:
    """What a sweep did.

    Attributes:
        first: The first seed.
        trials: How many networks were compiled.
        equal: How many of these gave the interpreter's outputs.
        refused: How many were refused with an error that says why.
        found: The fault of each seed that has one.
        folders: Where each of these is kept.
    """

    first: int
    trials: int = 0
    equal: int = 0
    refused: int = 0
    found: dict[int, Outcome] = field(default_factory=dict)
    folders: dict[int, Path] = field(default_factory=dict)

    def add(self, seed: int, outcome: Outcome) -> None:
        """Count one trial."""
        self.trials += 1
        self.equal += outcome.kind == EQUAL
        self.refused += outcome.kind == REFUSED
        if outcome.is_fault:
            self.found[seed] = outcome


def fuzz(
    seed: int = 0,
    count: int | None = None,
    minutes: float | None = None,
    output: str | Path | None = None,
    compiler: str | None = None,
    progress: Callable[[int, Outcome], None] | None = None,
) -> Sweep:
    """Compile random networks with random options for random cores, and compare each with the interpreter.

    Args:
        seed: Of the first network; the others follow.
        count: How many networks; None for any number.
        minutes: After how long no other network is begun; None for no limit.
        output: A folder to keep what fails in, each in a new folder of its own, made as small as still fails the same
            way. None: nothing is kept.
        compiler: The C compiler for boards.
        progress: Is called after each network with its seed and outcome.

    Returns:
        What was done and found.

    Raises:
        InputError: Neither ``count`` nor ``minutes`` is given, or the folder cannot be written.
    """
    _require(count, minutes)
    place = _writable(output)
    end = None if minutes is None else time.monotonic() + 60 * minutes
    sweep = Sweep(seed)
    with compiling_once():
        for number in itertools.count(seed):
            if (count is not None and sweep.trials >= count) or (end is not None and time.monotonic() >= end):
                break
            _try(number, sweep, place, compiler, progress)
    return sweep


def _try(
    number: int,
    sweep: Sweep,
    place: Path | None,
    compiler: str | None,
    progress: Callable[[int, Outcome], None] | None,
) -> None:
    """One trial of a sweep."""
    network, options = drawn(number)
    outcome = try_network(network, options, compiler)
    sweep.add(number, outcome)
    if outcome.is_fault and place is not None:
        sweep.folders[number] = keep(network, options, outcome, place, compiler)
    if progress is not None:
        progress(number, outcome)


def _require(count: int | None, minutes: float | None) -> None:
    problems = [] if count or minutes else [Problem("", "no limit is given", "a count of networks or minutes")]
    if count is not None and count < 1:
        problems.append(Problem("count", str(count), "1 or more"))
    if minutes is not None and not minutes > 0:
        problems.append(Problem("minutes", str(minutes), "more than 0"))
    if problems:
        raise InputError("the sweep has no end", problems)


def _writable(output: str | Path | None) -> Path | None:
    """The folder, made if it is missing. What it holds stays as it is."""
    if output is None:
        return None
    path = Path(output)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("the folder cannot be written", [Problem(str(path), reason(error), "a folder")]) from error
    return path


def smaller(network: Network, options: Options, outcome: Outcome, compiler: str | None) -> tuple[Network, Options]:
    """The smallest part of a network and the plainest options, by greedy steps, that have a fault of the same kind."""

    def shows(part: Network, tried: Options) -> bool:
        try:
            return try_network(part, tried, compiler).kind == outcome.kind
        except (IndexError, KeyError, TypeError, ValueError):  # a part that is no sound model
            return False

    for plainer in _plainer(options):
        if shows(network, plainer(options)):
            options = plainer(options)
    while (step := next((part for part in network.smaller() if shows(part, options)), None)) is not None:
        network = step
    return network, options


def _plainer(options: Options) -> Iterator[Callable[[Options], Options]]:
    """For each option that is not as it is by default, what sets it back; the board last."""
    default = Options()
    for name in [item.name for item in fields(options) if item.name != "board"] + ["board"]:
        if getattr(options, name) != getattr(default, name):
            yield lambda now, name=name: replace(now, **{name: getattr(default, name)})  # type: ignore[misc]


def keep(network: Network, options: Options, outcome: Outcome, place: Path, compiler: str | None) -> Path:
    """Write what shows a fault to a new folder in ``place``: model, profile, inputs, options, and the commands.

    Args:
        network: The network.
        options: How it was compiled.
        outcome: What was found.
        place: A folder. Nothing in it is overwritten.
        compiler: The C compiler.

    Returns:
        The new folder.
    """
    seed = network.seed
    network, options = smaller(network, options, outcome, compiler)
    again = try_network(network, options, compiler)
    folder, model = _new_folder(place, seed), f"{NAME}{network.suffix}"
    (folder / model).write_bytes(network.data)
    commands = [f"tinyglow fuzz --seed {seed} --count 1  # the network as it was drawn"]
    verify = ["tinyglow", "verify", model]
    with contextlib.suppress(Exception):  # the compiler itself fails: so will the command
        found = read_network(network, options)[1]
        if found is not None:
            save_profile(found, folder / "profile.yaml")
            verify += ["--profile", "profile.yaml"]
    verify += options.arguments
    for index, (name, array) in enumerate(network.samples.items()):
        np.save(folder / f"input{index}.npy", array[:RUNS])
        verify += ["--input", f"{name}=input{index}.npy"]
    commands.append(shlex.join(verify))
    (folder / "options.json").write_text(json.dumps(asdict(options), indent=1) + "\n", encoding="utf-8")
    lines = [f"seed {seed}: {outcome.kind}: {outcome.text}", f"made smaller: {again.kind}: {again.text}", ""]
    lines += [*commands, "", *network.lines]
    (folder / "README.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def _new_folder(place: Path, seed: int) -> Path:
    for number in itertools.count(1):
        folder = place / (f"seed_{seed}" if number == 1 else f"seed_{seed}_{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise AssertionError  # there is always another number
