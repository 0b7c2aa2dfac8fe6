"""Frozen dataclasses that are made when they are first looked at."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, dataclass, field, fields, is_dataclass, replace
from typing import ClassVar

import pytest

from tinyglow.ir.record import Record


class Point(Record):
    """A base with a default."""

    x: int
    y: int = 2
    unit: ClassVar[str] = "mm"


class Named(Point):
    """A subclass, with a default that is made anew."""

    names: tuple[str, ...] = field(default_factory=tuple)


class Checked(Point):
    """A subclass that looks at its values."""

    def __post_init__(self) -> None:
        if self.x < 0:
            raise ValueError("x")


@dataclass(frozen=True)
class Decorated(Named):
    """A subclass that is one at once, as any dataclass."""

    z: int = 0


def test_a_subclass_is_a_frozen_dataclass() -> None:
    """Equality, hash, text, and no change afterwards."""
    point = Point(1)
    assert (point, hash(point), repr(point)) == (Point(1, 2), hash(Point(1, 2)), "Point(x=1, y=2)")
    assert point != Point(2) and replace(point, y=5) == Point(1, 5)
    with pytest.raises(FrozenInstanceError):
        point.x = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        Point()  # type: ignore[call-arg]


def test_bases_come_first() -> None:
    """Fields of bases are there whichever class is looked at first."""

    class Late(Named):
        w: int = 9

    assert [item.name for item in fields(Late)] == ["x", "y", "names", "w"]
    assert Late(1, names=("a",)) == Late(1, 2, ("a",), 9)
    assert Named(1) != Point(1)
    assert [item.name for item in fields(Decorated)] == ["x", "y", "names", "z"]
    assert Decorated(1).names == () and is_dataclass(Late)


def test_values_are_checked() -> None:
    """``__post_init__`` runs."""
    with pytest.raises(ValueError, match="x"):
        Checked(-1)


def test_copies_are_equal() -> None:
    """deepcopy and pickle."""
    assert copy.deepcopy(Named(1, names=("a",))) == pickle.loads(pickle.dumps(Named(1, names=("a",))))


def test_an_object_from_another_process_is_whole() -> None:
    """An object that is unpickled before its class was used: it is compared, hashed and shown."""
    code = (
        "import pickle, sys; value = pickle.loads(sys.stdin.buffer.read());"
        "print(value, value == pickle.loads(pickle.dumps(value)), hash(value) == hash(type(value)(**vars(value))))"
    )
    from tinyglow.operators.clip import Clip

    data = pickle.dumps(Clip(0.0, 6.0))
    shown = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True).stdout.decode()
    assert shown.split("\n")[0] == f"{Clip(0.0, 6.0)} True True"


def test_a_class_is_made_when_it_is_first_looked_at() -> None:
    """Nothing is made of a class that nobody uses."""

    class Unused(Record):
        x: int

    assert "__init__" not in vars(Unused)
    assert Unused(1).x == 1 and "__init__" in vars(Unused)


def test_threads_may_look_at_once() -> None:
    """One of them makes the class, and the others wait."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(20):

            class Base(Record):
                first: int

            class Derived(Base):
                second: int = 2

            with ThreadPoolExecutor(6) as pool:
                made = list(pool.map(Derived, range(6)))
            assert [one.first for one in made] == list(range(6))
    finally:
        sys.setswitchinterval(interval)
