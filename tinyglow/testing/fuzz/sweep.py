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
import onnx

from tinyglow.errors import InputError, Problem, reason
from tinyglow.quant.profile import save_profile
from tinyglow.sim.object_cache import compiling_once
from tinyglow.testing.fuzz.trial import (
    EQUAL,
    NAME,
    REFUSED,
    RUNS,
    Options,
    Outcome,
    float_network,
    options_of,
    try_network,
)
from tinyglow.testing.graphs import RandomModel, random_model
from tinyglow.testing.oracle.shrink import shrunk

_SAMPLES = 12


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
    model, options = random_model(number), options_of(number)
    outcome = try_network(model.proto, model.samples(_SAMPLES), options, compiler)
    sweep.add(number, outcome)
    if outcome.is_fault and place is not None:
        sweep.folders[number] = keep(model, options, outcome, place, compiler)
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


def smaller(
    model: RandomModel, options: Options, outcome: Outcome, compiler: str | None
) -> tuple[RandomModel, Options]:
    """The smallest part of a network and the plainest options, by greedy steps, that have a fault of the same kind."""
    samples = model.samples(_SAMPLES)

    def shows(proto: onnx.ModelProto, tried: Options) -> bool:
        try:
            names = {value.name for value in proto.graph.input}
            own = {name: array for name, array in samples.items() if name in names}
            return try_network(proto, own, tried, compiler).kind == outcome.kind
        except (IndexError, KeyError, TypeError, ValueError):  # a part that is no sound model
            return False

    for plainer in _plainer(options):
        if shows(model.proto, plainer(options)):
            options = plainer(options)
    proto = shrunk(model.proto, lambda part: shows(part, options))
    shapes = {value.name: model.shapes[value.name] for value in proto.graph.input if value.name in model.shapes}
    return RandomModel(model.seed, proto, shapes), options


def _plainer(options: Options) -> Iterator[Callable[[Options], Options]]:
    """For each option that is not as it is by default, what sets it back; the board last."""
    default = Options()
    for name in [item.name for item in fields(options) if item.name != "board"] + ["board"]:
        if getattr(options, name) != getattr(default, name):
            yield lambda now, name=name: replace(now, **{name: getattr(default, name)})  # type: ignore[misc]


def keep(model: RandomModel, options: Options, outcome: Outcome, place: Path, compiler: str | None) -> Path:
    """Write what shows a fault to a new folder in ``place``: model, profile, inputs, options, and the commands.

    Args:
        model: The network.
        options: How it was compiled.
        outcome: What was found.
        place: A folder. Nothing in it is overwritten.
        compiler: The C compiler.

    Returns:
        The new folder.
    """
    seed = model.seed
    model, options = smaller(model, options, outcome, compiler)
    samples = {name: array for name, array in model.samples(_SAMPLES).items() if name in model.shapes}
    again = try_network(model.proto, samples, options, compiler)
    folder = _new_folder(place, seed)
    (folder / f"{NAME}.onnx").write_bytes(model.proto.SerializeToString())
    commands = [f"tinyglow fuzz --seed {seed} --count 1  # the network as it was drawn"]
    inputs = []
    for index, (name, array) in enumerate(samples.items()):
        np.save(folder / f"input{index}.npy", array[:RUNS])
        inputs.append(f"{name}=input{index}.npy")
    verify = ["tinyglow", "verify", f"{NAME}.onnx", "--profile", "profile.yaml", *options.arguments]
    verify += [part for pair in inputs for part in ("--input", pair)]
    with contextlib.suppress(Exception):  # the compiler itself fails: so will the command
        save_profile(float_network(model.proto, samples, options)[1], folder / "profile.yaml")
    commands.append(shlex.join(verify))
    (folder / "options.json").write_text(json.dumps(asdict(options), indent=1) + "\n", encoding="utf-8")
    lines = [f"seed {seed}: {outcome.kind}: {outcome.text}", f"made smaller: {again.kind}: {again.text}", ""]
    lines += [*commands, "", *onnx.printer.to_text(model.proto).splitlines()]
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
