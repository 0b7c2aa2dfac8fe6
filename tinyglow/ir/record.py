"""The base of the many small frozen dataclasses: operators, and kernels' parameters.

There are hundreds, and a network needs few of them. Python writes and compiles six methods for each dataclass, which
takes a third of the time of a short command. So each is made one when it is first looked at, has one method of its own,
``__init__``, and those that compare, hash, print and protect it from its base.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, fields
from operator import attrgetter
from threading import RLock
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: bool) -> Any:
        """Says to a type checker what ``Record`` does; nothing at run time."""
        return lambda cls: cls


_MAKING = RLock()  # a base is made while its subclass is


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


@dataclass(frozen=True)
class _Frozen:
    """Has the parameters of frozen dataclasses."""


def _all_fields(owner: type[Record]) -> Any:
    """A class with the fields of ``owner``, those of its bases first.

    Its own ones ``dataclasses`` finds in a class that has nothing else.
    """
    own, notes = owner.__dict__, owner.__annotations__
    given = {name: own[name] for name in notes if name in own}
    about = {"__doc__": "Fields.", "__module__": owner.__module__, "__annotations__": notes}
    found: Any = dataclass(init=False, repr=False, eq=False)(type(owner.__name__, (), {**given, **about}))
    inherited: dict[str, Field[Any]] = {}
    for base in reversed(owner.__mro__[1:]):
        inherited.update(getattr(base, "__dataclass_fields__", {}))
    found.__dataclass_fields__ = {**inherited, **found.__dataclass_fields__}
    return found


def _init(owner: type[Record], given: Sequence[Field[Any]]) -> Any:
    """The method that takes the values of fields."""
    names: dict[str, Any] = {"_set": object.__setattr__, "_missing": MISSING}
    parameters, lines = ["self"], []
    for item in sorted(given, key=lambda item: bool(item.kw_only)):
        name, default, value = item.name, "", item.name
        if item.default_factory is not MISSING:
            names[f"_new_{name}"] = item.default_factory
            default, value = "=_missing", f"_new_{name}() if {name} is _missing else {name}"
        elif item.default is not MISSING:
            names[f"_default_{name}"] = item.default
            default = f"=_default_{name}"
        if item.kw_only and "*" not in parameters:
            parameters.append("*")
        parameters.append(name + default)
        lines.append(f" _set(self, {name!r}, {value})")
    lines.append(" self.__post_init__()" if hasattr(owner, "__post_init__") else " pass")
    exec(f"def __init__({', '.join(parameters)}):\n" + "\n".join(lines), names)
    made = names["__init__"]
    made.__module__, made.__qualname__ = owner.__module__, f"{owner.__qualname__}.__init__"
    made.__annotations__ = {item.name: item.type for item in given} | {"return": None}
    return made


def _make(owner: Any) -> None:
    """Give a class what ``dataclass(frozen=True)`` gives, but for methods."""
    found = _all_fields(owner)
    for name in owner.__annotations__:
        default = owner.__dict__.get(name)
        if isinstance(default, Field):  # the class itself has the defaults
            delattr(owner, name) if default.default is MISSING else setattr(owner, name, default.default)
    match = tuple(item.name for item in fields(found) if item.init and not item.kw_only)
    made = {"__dataclass_params__": vars(_Frozen)["__dataclass_params__"], "__match_args__": match}
    made["__dataclass_fields__"] = found.__dataclass_fields__  # the last: other threads look for them
    for name, value in made.items():
        setattr(owner, name, value)


class _FirstLook:
    """Stands for the fields of a class that is no dataclass yet, and makes it one when they are asked for."""

    def __get__(self, instance: object, owner: type[Record]) -> dict[str, Field[Any]]:
        with _MAKING:
            if owner.__dict__["__dataclass_fields__"] is self:  # no other thread was first
                _make(owner)
        return owner.__dataclass_fields__


def _first_init(cls: Any) -> Any:
    """``__init__`` of a class that has no object yet."""

    def first(self: object, *args: Any, **kwargs: Any) -> None:
        with _MAKING:
            if cls.__init__ is first:  # no other thread was
                cls.__init__ = _init(cls, [item for item in fields(cls) if item.init])
        cls.__init__(self, *args, **kwargs)

    return first


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
        if "__init__" not in cls.__dict__:
            made.__init__ = _first_init(cls)
        if not eq and "__eq__" not in cls.__dict__:
            made.__eq__, made.__hash__ = object.__eq__, object.__hash__

    if not TYPE_CHECKING:  # which would let any attribute be set

        def __setattr__(self, name: str, value: object) -> NoReturn:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")

        def __delattr__(self, name: str) -> NoReturn:
            raise FrozenInstanceError(f"cannot delete field {name!r}")

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
