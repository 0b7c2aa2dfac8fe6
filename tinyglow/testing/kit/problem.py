"""What a kernel under test is asked: an operator's numbers and tensors; and what operators there are."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from hypothesis import strategies as st

from tinyglow.errors import InputError, Problem
from tinyglow.ir.graph import Array
from tinyglow.numerics.names import NUMERICS, TFLITE
from tinyglow.testing.kit.scaling import parts

Numbers = Mapping[str, int | float]
Tensors = Mapping[str, Array]
OUTPUT = "output"
_UNSIGNED = {"inverse_scale": "uint32"}


@dataclass(frozen=True, eq=False)
class Question:
    """One call of an operator, whoever computes it.

    Attributes:
        operator: The operator's name.
        numerics: Whose arithmetic its result has: "glow", "tflite", "tflm" or "onnx".
        numbers: Sizes, offsets and constants of requantization by name, in the order of the calling convention.
        inputs: Arrays by name, in the order of the calling convention.
        shape: Of the output.
    """

    operator: str
    numerics: str
    numbers: Numbers
    inputs: Tensors
    shape: tuple[int, ...]

    @property
    def known(self) -> Operator:
        """The operator."""
        return operator(self.operator)

    @property
    def dtype(self) -> str:
        """Of the output."""
        return self.known.output

    def expected(self) -> Array:
        """The right answer, of ``dtype`` and ``shape``."""
        answer = self.known.answer(self.numerics, self.numbers, self.inputs)
        return np.ascontiguousarray(answer.astype(self.dtype).reshape(self.shape))

    def with_input(self, name: str, data: Array) -> Question:
        """The same call with other data in one input."""
        return replace(self, inputs={**self.inputs, name: data})

    def __repr__(self) -> str:
        numbers = ", ".join(f"{name}={value!r}" for name, value in self.numbers.items())
        shapes = ", ".join(f"{name} {list(data.shape)}" for name, data in self.inputs.items())
        return f"{self.operator} ({self.numerics}) of {shapes}: {numbers}"


Draw = Callable[[st.DrawFn, str], Question]
Answer = Callable[[str, Numbers, Tensors], Array]


@dataclass(frozen=True)
class Operator:
    """An operator that kernels are tested for.

    Attributes:
        name: Its name.
        summary: What it computes, in a few words.
        inputs: Name and dtype of each input, in the order of the calling convention.
        numbers: Names of its numbers in their order. One that ends in "*" stands for the constants of a
            requantization, which differ by numerics: see ``scaling.parts``.
        draw: Draws a call.
        answer: The right answer from numerics, numbers and inputs.
        per_channel: Whether the constants of requantization are tensors, one element for each output channel.
        in_place: Inputs that the output may overwrite, element by element.
        data: Inputs that may hold anything: a failure is made smaller by simpler numbers there.
        own_numbers: By numerics, in place of ``numbers``.
        own_inputs: By numerics, in place of ``inputs``.
        output: The output's dtype.
        numerics: Those whose arithmetic has it.
    """

    name: str
    summary: str
    inputs: tuple[tuple[str, str], ...]
    numbers: tuple[str, ...]
    draw: Draw
    answer: Answer
    per_channel: bool = False
    in_place: tuple[str, ...] = ()
    data: tuple[str, ...] = ("input",)
    own_numbers: Mapping[str, tuple[str, ...]] | None = None
    own_inputs: Mapping[str, tuple[tuple[str, str], ...]] | None = None
    output: str = "int8"
    numerics: tuple[str, ...] = tuple(NUMERICS)

    def inputs_of(self, numerics: str) -> dict[str, str]:
        """The dtype of each input by name, in the order of the calling convention."""
        found = dict((self.own_inputs or {}).get(numerics, self.inputs))
        return {**found, **dict(parts("", numerics))} if self.per_channel else found

    def numbers_of(self, numerics: str) -> dict[str, str]:
        """The dtype of each number ("int32", "uint32" or "float32") by name, in the order of the calling convention."""
        found: dict[str, str] = {}
        for name in (self.own_numbers or {}).get(numerics, self.numbers):
            if name.endswith("*"):
                found |= dict(parts(name[:-1], numerics))
            else:
                found[name] = _UNSIGNED.get(name, "float32" if name.endswith("_scale") else "int32")
        return found


_OPERATORS: dict[str, Operator] = {}


def declare(made: Operator) -> Operator:
    """Add an operator; its module is in ``tinyglow.testing.kit.operators``, found by itself."""
    _OPERATORS[made.name] = made
    return made


def declared(name: str) -> Operator:
    """An operator whose module has been imported."""
    return _OPERATORS[name]


@cache
def _load() -> None:
    package = importlib.import_module("tinyglow.testing.kit.operators")
    for info in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{info.name}")


def operators() -> dict[str, Operator]:
    """The operators that kernels can be tested for, by name."""
    _load()
    return dict(sorted(_OPERATORS.items()))


def operator(name: str) -> Operator:
    """The operator of that name. Raises InputError for another, with the names that there are."""
    found = operators().get(name)
    if found is None:
        raise InputError("unknown operator", [Problem(repr(name), "is not one", ", ".join(operators()))])
    return found


def require_numerics(known: Operator, name: str) -> None:
    """Raises InputError for what is no numerics, or none that has the operator."""
    if name not in NUMERICS:
        raise InputError("unknown numerics", [Problem(repr(name), "is not one", ", ".join(known.numerics))])
    if name not in known.numerics:
        problem = Problem(known.name, f"has no arithmetic with {name}", ", ".join(known.numerics))
        raise InputError("this numerics does not have the operator", [problem])


def problems(name: str, numerics: str = TFLITE) -> st.SearchStrategy[Question]:
    """Calls of an operator: legal shapes, and parameters from realistic to the ends of their ranges.

    Args:
        name: The operator.
        numerics: Whose arithmetic: "glow", "tflite", "tflm" or "onnx".

    Returns:
        The strategy. No sum of what it draws leaves int32.

    Raises:
        InputError: There is no such operator or numerics.
    """
    found = operator(name)
    require_numerics(found, numerics)

    @st.composite
    def drawn(draw: st.DrawFn) -> Question:
        return _in_order(found, replace(found.draw(draw, numerics), numerics=numerics))

    return drawn()


def _in_order(found: Operator, question: Question) -> Question:
    """The call with its numbers and inputs in the order, and the dtypes, of the calling convention."""
    numbers, inputs = found.numbers_of(question.numerics), found.inputs_of(question.numerics)
    return replace(
        question,
        numbers={name: _number(question.numbers[name], dtype) for name, dtype in numbers.items()},
        inputs={name: np.ascontiguousarray(question.inputs[name], dtype) for name, dtype in inputs.items()},
    )


def _number(value: int | float, dtype: str) -> int | float:
    return float(np.float32(value)) if dtype == "float32" else int(value)


def question(name: str, numerics: str, numbers: Numbers, inputs: Tensors, shape: tuple[int, ...]) -> Question:
    """A call that was written down, as reports do.

    Raises:
        InputError: Numbers or inputs are missing, or of another name; all are listed.
    """
    found = operator(name)
    require_numerics(found, numerics)
    wanted = [*found.numbers_of(numerics), *found.inputs_of(numerics)]
    given = [*numbers, *inputs]
    wrong = [Problem(item, "is missing", "a number or an input") for item in wanted if item not in given]
    wrong += [Problem(item, f"is no argument of {name}", ", ".join(wanted)) for item in given if item not in wanted]
    if wrong:
        raise InputError(f"these are not the arguments of {name} with {numerics}", wrong)
    return _in_order(found, Question(name, numerics, numbers, inputs, tuple(shape)))


def reference(name: str, numerics: str = TFLITE) -> Callable[..., Array]:
    """The right answers of an operator, as a function of numpy arrays.

    Args:
        name: The operator.
        numerics: Whose arithmetic.

    Returns:
        A function that takes the inputs and numbers of the calling convention by their names, and returns the output,
        flat. It computes any number of rows or images at once.

    Raises:
        InputError: There is no such operator or numerics.
    """
    found = operator(name)
    require_numerics(found, numerics)

    def answer(**arguments: Array | int | float) -> Array:
        inputs = {key: np.asarray(arguments[key]).astype(dtype) for key, dtype in found.inputs_of(numerics).items()}
        numbers = {key: float(arguments[key]) for key in found.numbers_of(numerics)}
        whole = {k: v if found.numbers_of(numerics)[k] == "float32" else int(v) for k, v in numbers.items()}
        result: Array = found.answer(numerics, whole, inputs).astype(found.output).ravel()
        return result

    return answer
