"""Frozen dataclasses that are made when they are first looked at."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, dataclass, field, fields, is_dataclass, replace
from inspect import signature
from typing import Any, ClassVar

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
    made: Any = Point
    for name in ("x", "y"):
        with pytest.raises(FrozenInstanceError):
            setattr(point, name, 3)
    with pytest.raises(TypeError):
        made()


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

    assert not isinstance(vars(Unused)["__dataclass_fields__"], dict)
    assert Unused(1).x == 1 and isinstance(vars(Unused)["__dataclass_fields__"], dict)


def test_objects_may_be_equal_to_themselves_alone() -> None:
    """``eq=False``; a base that has equality and a subclass that has it again do not matter."""

    class Alone(Point, eq=False):
        pass

    one = Alone(1)
    assert one != Alone(1) and len({one, one, Alone(1)}) == 2 and one.x == 1


def test_a_record_is_what_dataclasses_make() -> None:
    """Signature, parameters, what ``match`` takes, defaults and errors, for each kind of field."""

    class Made(Record):
        a: int
        b: list[int] = field(default_factory=list)
        c: str = field(default="x", repr=False, compare=False)
        d: ClassVar[int] = 3
        e: int = field(default=4, kw_only=True)

    @dataclass(frozen=True)
    class Plain:
        a: int
        b: list[int] = field(default_factory=list)
        c: str = field(default="x", repr=False, compare=False)
        d: ClassVar[int] = 3
        e: int = field(default=4, kw_only=True)

    classes: tuple[Any, ...] = (Made, Plain)
    for cls in classes:
        one = cls(1)
        assert (one.a, one.b, one.c, one.d, one.e) == (1, [], "x", 3, 4) and one.b is not cls(1).b
        assert cls(1, [2], "y", e=5) == cls(1, [2], "z", e=5) != cls(1, [2], "y", e=6)
        with pytest.raises(TypeError, match="positional"):
            cls(1, [2], "y", 5)
        with pytest.raises(FrozenInstanceError, match="cannot delete field 'a'"):
            del one.a
    made, plain = ([(item.name, item.type, item.default) for item in fields(cls)] for cls in (Made, Plain))
    assert made == plain and repr(Made(1)).replace("Made", "Plain") == repr(Plain(1))
    for name in ("__match_args__", "c", "d", "e"):
        assert getattr(Made, name) == getattr(Plain, name)
    assert not hasattr(Made, "b") and vars(Made)["__dataclass_params__"].frozen
    assert list(signature(Made).parameters) == list(signature(Plain).parameters)


def test_a_method_of_its_own_stays() -> None:
    """A class may have ``__init__``, ``__eq__`` and ``__repr__`` of its own."""

    class Own(Point):
        def __init__(self, text: str) -> None:
            super().__init__(int(text))

        def __repr__(self) -> str:
            return "own"

    assert (Own("7").x, repr(Own("7"))) == (7, "own")


def test_threads_may_look_at_once() -> None:
    """One of them makes the class, and the others wait."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(20):

            class Base(Record):
                first: int

            class Derived(Base):
                second: int

            with ThreadPoolExecutor(6) as pool:
                made = list(pool.map(Derived, range(6), range(6)))
            assert [(one.first, one.second) for one in made] == [(index, index) for index in range(6)]
    finally:
        sys.setswitchinterval(interval)
