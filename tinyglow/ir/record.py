"""The base of the many small frozen dataclasses: operators, and kernels' parameters.

There are hundreds, and a network needs few of them. Python writes and compiles six methods for each dataclass, which
takes a third of the time of a short command. So each is made one when it is first looked at, and all have the methods
that compare, hash and print them from their base.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import Field, dataclass, fields
from operator import attrgetter
from threading import RLock
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from typing_extensions import Self, dataclass_transform
else:

    def dataclass_transform(**_: bool) -> Any:
        """Says to a type checker what ``Record`` does; nothing at run time."""
        return lambda cls: cls


_MAKING = RLock()  # a base is made while its subclass is
_MADE: set[type[object]] = set()


_Values = Callable[[object], object]
_COMPARED: dict[type[object], _Values] = {}


def _compared(cls: type[Record]) -> _Values:
    """What takes the values by which records are compared, as a tuple."""
    found = _COMPARED.get(cls)
    if found is None:
        names = [field.name for field in fields(cls) if field.compare]
        several = len(names) > 1
        found = attrgetter(*names) if several else lambda record: tuple(getattr(record, name) for name in names)
        _COMPARED[cls] = found
    return found


def _make(cls: type[Record]) -> None:
    """Make a class a dataclass, whole before another thread has an object of it."""
    with _MAKING:
        if isinstance(cls.__dict__["__dataclass_fields__"], _FirstLook):  # no other thread was first
            dataclass(frozen=True, repr=False, eq=False)(cls)
        _MADE.add(cls)


class _FirstLook:
    """Stands for the fields of a class that is no dataclass yet, and makes it one when they are asked for.

    ``dataclasses`` asks each base for its fields, so that bases come first.
    """

    def __get__(self, instance: object, owner: type[Record]) -> dict[str, Field[Any]]:
        _make(owner)
        return owner.__dataclass_fields__


@dataclass_transform(frozen_default=True)
class Record:
    """Base: a subclass is a frozen dataclass, without saying so. With ``eq=False`` objects equal themselves alone."""

    if TYPE_CHECKING:
        __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    else:  # with an annotation it would be a field itself
        __dataclass_fields__ = _FirstLook()

    def __init_subclass__(cls, eq: bool = True) -> None:
        super().__init_subclass__()
        made: Any = cls
        made.__dataclass_fields__ = _FirstLook()
        if not eq and "__eq__" not in cls.__dict__:
            made.__eq__, made.__hash__ = object.__eq__, object.__hash__

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """An object whose class has all its methods. Objects that are unpickled come from here too."""
        if cls not in _MADE:
            _make(cls)
        return super().__new__(cls)

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        compared = _compared(self.__class__)
        return compared(self) == compared(other)

    def __hash__(self) -> int:
        return hash(_compared(self.__class__)(self))

    def __repr__(self) -> str:
        shown = (f"{field.name}={getattr(self, field.name)!r}" for field in fields(self) if field.repr)
        return f"{self.__class__.__qualname__}({', '.join(shown)})"
