"""Read damaged models, and say what became of each. Faults are exceptions other than refusals, time, memory, files."""

from __future__ import annotations

import contextlib
import importlib
import os
import random
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from tests.mutations.corpus import CAFFE2, FORMATS, PROFILE, Good, corpus
from tests.mutations.mutate import mutated
from tinyglow.errors import TinyglowError
from tinyglow.pipeline.stations import load, lower
from tinyglow.quant.profile import load_profile

READ, REFUSED = "read", "refused"
_MOST_SECONDS = 20  # of processor time, of one model
_MOST_BYTES = 2**30  # of memory, of the whole process
_SHARES = (10, 4, 2, 2, 2)  # of the formats


class _TooLong(BaseException):
    """One model took too long."""


@dataclass(frozen=True)
class Outcome:
    """What became of a damaged model.

    Attributes:
        seed: What it was made by.
        format: Of the model.
        name: Of the good model.
        kind: READ, REFUSED, or what is wrong.
        text: The refusal, or where it went wrong.
        seconds: Of processor time.
    """

    seed: int
    format: str
    name: str
    kind: str
    text: str
    seconds: float

    @property
    def is_fault(self) -> bool:
        """Whether it is neither read nor refused."""
        return self.kind not in (READ, REFUSED)


def case(seed: int) -> tuple[Good, dict[str, bytes]]:
    """The good model of a seed, and its damaged files."""
    rng = random.Random(seed)
    format_ = rng.choices(FORMATS, _SHARES)[0]
    good = rng.choice(corpus()[format_])
    return good, mutated(good, rng)


def run(seed: int, folder: Path) -> Outcome:
    """What becomes of the model of a seed, whose files come into an empty folder of this name in ``folder``."""
    good, files = case(seed)
    place = folder / "model"
    place.mkdir(exist_ok=True)
    for old in place.iterdir():
        old.unlink()
    for name, data in files.items():
        (place / name).write_bytes(data)
    start, before = time.process_time(), _most_memory()
    with _watched(place) as opened:
        kind, text = _outcome(good, place)
    if kind in (READ, REFUSED) and opened:
        kind, text = "opens files elsewhere", ", ".join(sorted(opened))
    memory = _most_memory()
    if kind in (READ, REFUSED) and memory > max(before, _MOST_BYTES):  # what ran before may have taken more
        kind, text = "memory", f"{memory:,} bytes"
    return Outcome(seed, good.format, good.name, kind, text, time.process_time() - start)


def _most_memory() -> int:
    """Bytes that this process had at most; 0 where the system does not say."""
    if os.name != "posix":
        return 0
    resource = importlib.import_module("resource")
    usage: int = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return usage * 1024


def _outcome(good: Good, place: Path) -> tuple[str, str]:
    path = place if good.format == CAFFE2 else place / next(iter(good.files))
    try:
        with _limited(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if good.format == PROFILE:
                load_profile(path)
            else:
                graph = load(path, "net", shapes=dict(good.shapes))
                if not graph.is_declared:
                    lower(graph)
    except TinyglowError as error:
        text = str(error)
        return ("says internal error" if "internal error" in text else REFUSED), text[:300]
    except _TooLong:
        return "time", f"more than {_MOST_SECONDS} s"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        own = [frame for frame in traceback.extract_tb(error.__traceback__) if "tinyglow" in frame.filename]
        place_ = f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "?"
        return f"{type(error).__name__} in {place_}", str(error)[:300]
    return READ, ""


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    """Interrupt what takes too long; processor time, so that a busy machine does not matter."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise _TooLong

    set_timer = getattr(signal, "setitimer", None)
    if set_timer is None:  # nothing interrupts
        yield
        return
    before = signal.signal(signal.SIGPROF, interrupt)
    set_timer(signal.ITIMER_PROF, _MOST_SECONDS)
    try:
        yield
    finally:
        set_timer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


class _Watch:
    """Notes which files are opened outside of some folders."""

    def __init__(self) -> None:
        self.is_on = self.is_hooked = False
        self.allowed: tuple[str, ...] = ()
        self.opened: set[str] = set()

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.is_on or event != "open" or not isinstance(arguments[0], str | bytes):
            return
        path = os.path.realpath(os.fsdecode(arguments[0]))
        if not path.startswith(self.allowed):
            self.opened.add(path)


_WATCH = _Watch()


@contextlib.contextmanager
def _watched(folder: Path) -> Iterator[set[str]]:
    """Which files are opened that lie neither in a folder nor among Python's own and the package's."""
    if not _WATCH.is_hooked:
        sys.addaudithook(_WATCH)
        _WATCH.is_hooked = True
    code = {sys.prefix, sys.base_prefix, str(Path(__file__).resolve().parents[2])}
    _WATCH.allowed, _WATCH.opened = tuple(os.path.realpath(name) for name in (folder, *code)), set()
    _WATCH.is_on = True
    try:
        yield _WATCH.opened
    finally:
        _WATCH.is_on = False
