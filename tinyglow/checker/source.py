"""What a bundle's C says: sizes of memories, places of buffers, parameters and arguments of each call.

It reads the text that the compiler writes, and nothing else: a file that was written by hand is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tinyglow.checker.findings import BrokenError
from tinyglow.checker.grammar import check_kernel_header, check_macros, check_near_file, check_network_file
from tinyglow.checker.header import check_header

NEAR = ("near_1", "near_2")  # constants in arrays of their own
CONSTANT_MEMORIES = ("constantWeight", *NEAR)
ROWS = "rows"  # of the input, as a call is given them
READ_ONLY = (*CONSTANT_MEMORIES, ROWS)
MEMORIES = ("constantWeight", "mutableWeight", "activations", "tcm", *NEAR, ROWS)
_SIZES = {"constantWeight": "CONSTANT", "mutableWeight": "MUTABLE", "activations": "ACTIVATIONS"}
MOST_BYTES = 1 << 28  # of a memory
MOST_SHIFT = 62  # of 64 bits
ITEM_BYTES = {"int8_t": 1, "uint8_t": 1, "tg_i16": 2, "tg_u16": 2, "tg_i32": 4, "tg_u32": 4, "tg_f32": 4}
ITEM_BYTES |= {"tg_i64": 8, "tg_u64": 8}

# A comment, or a text in quotes, in which there are none: each as far as it goes.
_COMMENT = re.compile(r"/\*(?:.*?\*/|.*)|//(?:\\\n|[^\n])*|" + r'"(?:[^"\\\n]|\\.)*"?', re.DOTALL)
_PLACE = re.compile(r"^  (\w+) = (\d{1,10}),$", re.MULTILINE)
_PARAMS = re.compile(r"^static const (\w+)_params (\w+) = \{\n(.*?)^\};$", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^    \.(\w+) = (\{[^{}]*\}|[^{},]+),$", re.MULTILINE)
_PART = re.compile(r"\.(\w+) = (-?\d+)")
_NUMBER = re.compile(r"-?\d{1,11}|\(-2147483647 - 1\)|-?0x[01](?:\.[0-9a-f]+)?p[+-]?\d{1,4}f")
_REQUANT = {"multiplier": "int32_t", "offset": "int32_t", "pre": "uint8_t", "post": "uint8_t"}
_FIRST = re.compile(r"^static const uint8_t (\w+)\[\d+\] = \{\n([^{};]*)\};$", re.MULTILINE)
_RESET = re.compile(
    r"^  for \(uint32_t i = 0; i < (\d+)u; i\+\+\) \{\n"
    r"    mutableWeight\[\(uint32_t\)(\w+) \+ i\] = (?:0x\w+u|(\w+)\[i\]);\n",
    re.MULTILINE,
)
_CALL = re.compile(r"^ {2,6}(tg_\w+)\(&(\w+),\n(.*?)\);$", re.MULTILINE | re.DOTALL)
_OPERAND = re.compile(
    r"\((?P<const>const )?(?P<type>\w+) \*\)(?:\((?:const )?void \*\))?\((?P<memory>\w+) \+ (?P<label>\w+)\)"
)
_FUNCTION = re.compile(r"static void (\w+)\(const tg_u32 \*x, tg_i32 \*sums\) \{\n(.*?)^\}$", re.MULTILINE | re.DOTALL)
_PROTOTYPE = re.compile(r"^void (\w+)\((.*?)\);$", re.MULTILINE | re.DOTALL)
_ARGUMENT = re.compile(r"(?P<const>const )?(?P<type>\w+) \*(?P<name>\w+)")

_PUSHED = re.compile(
    r"push < (\d{1,6})u; push\+\+\) \{\n"
    r"    const uint8_t \*rows = mutableWeight \+ \(uint32_t\)(\w+) \+ push \* (\d{1,10})u;"
)

Number = int | float
Value = Number | dict[str, int]


@dataclass(frozen=True)
class Argument:
    """An operand of a call.

    Attributes:
        name: As the kernel's prototype calls it.
        memory: The memory that it lies in; "" for a function.
        label: Name of its place, or of the function.
        item: Bytes of an element.
        written: Whether the prototype lets the kernel write it.
    """

    name: str
    memory: str
    label: str
    item: int
    written: bool


@dataclass(frozen=True)
class Call:
    """A call of a kernel; ``number`` counts from 1."""

    number: int
    kernel: str
    params: Mapping[str, Value]
    arguments: tuple[Argument, ...]

    @property
    def where(self) -> str:
        """What to call it in a fault."""
        return f"call {self.number}, {self.kernel}"

    def whole(self, name: str) -> int:
        """A parameter that is an integer."""
        value = self.params.get(name)
        if not isinstance(value, int):
            raise BrokenError(self.where, f"has no parameter {name}")
        return value

    def get(self, name: str, default: int) -> int:
        """A parameter that not every kernel has."""
        return self.whole(name) if name in self.params else default

    def scale(self, name: str) -> dict[str, int]:
        """A parameter that is a requantization's constants: multiplier, offset, pre and post."""
        value = self.params.get(name)
        if not isinstance(value, dict) or {"multiplier", "offset", "pre", "post"} != set(value):
            raise BrokenError(self.where, f"has no requantization {name}")
        if not (0 <= value["pre"] <= 31 and 0 <= value["post"] <= 31):
            raise BrokenError(self.where, f"{name} shifts by more than 31 bits")
        return value

    def shift(self, name: str, least: int = 0, most: int = MOST_SHIFT) -> int:
        """A parameter that is a number of bits in a range. Raises BrokenError: the file may say any number."""
        bits = self.whole(name)
        if not least <= bits <= most:
            raise BrokenError(self.where, f"{name} shifts by {bits} bits", f"{least} to {most}")
        return bits

    def argument(self, name: str) -> Argument:
        """An operand by its name."""
        for argument in self.arguments:
            if argument.name == name:
                return argument
        raise BrokenError(self.where, f"has no operand {name}")


@dataclass(frozen=True)
class Source:
    """A network's C.

    Attributes:
        sizes: Bytes of each memory that the header declares.
        places: Offset of each buffer, by its label.
        calls: The calls of the network's function, in order.
        functions: Bodies of the functions that stand for weights, by name.
        placeholders: Names of the buffers that an application reads or writes.
        macros: What each macro of the header stands for.
        pushed: Of a network whose input comes by rows, how many pushes take it, its label, and the bytes of a push.
        resets: What the function that resets the states writes: the place's label, how many bytes, and of an array how
            many bytes that has.
    """

    sizes: Mapping[str, int]
    places: Mapping[str, int]
    calls: tuple[Call, ...]
    functions: Mapping[str, str]
    placeholders: frozenset[str]
    macros: Mapping[str, str]
    resets: tuple[tuple[str, int, int | None], ...]
    pushed: tuple[int, str, int] | None = None


def without_comments(text: str) -> str:
    """C without its comments."""
    code = _COMMENT.sub(lambda found: found[0] if found[0].startswith('"') else "", text)
    return "\n".join(line.rstrip(" \t") for line in code.split("\n"))


def read_source(net: str, texts: Mapping[str, str]) -> Source:
    """Read a network's C file and the headers that it includes.

    Args:
        net: The network's name.
        texts: All text files of the bundle, by name.

    Returns:
        What they say.

    Raises:
        BrokenError: A file is missing, or is not what the compiler writes.
    """
    for name in (f"{net}.c", f"{net}.h"):
        if name not in texts:
            raise BrokenError(name, "is missing", "a bundle with its sources")
    header, code = without_comments(texts[f"{net}.h"]), without_comments(texts[f"{net}.c"])
    check_network_file(net, code)
    macros = check_header(net, header)
    headers = {file: text for file, text in texts.items() if file.endswith(".h") and file != f"{net}.h"}
    check_macros(net, code, {file: without_comments(text.replace("\\\n", "")) for file, text in headers.items()})
    if f"{net}_near.c" in texts:
        check_near_file(net, without_comments(texts[f"{net}_near.c"]))
    sizes = _sizes(net, macros)
    places = {label: int(offset) for label, offset in _PLACE.findall(code)}
    if len(places) != len(_PLACE.findall(code)):
        raise BrokenError(f"{net}.c", "gives two buffers one name")
    calls = _calls(code, texts)
    placeholders = frozenset(name for name in macros_of(net, macros) if f"{net}_at_{name}" in places)
    firsts = {name: len(data.split(",")) - 1 for name, data in _FIRST.findall(code)}
    resets = tuple((label, int(count), firsts.get(first)) for count, label, first in _RESET.findall(code))
    pushed = _PUSHED.search(code)
    pushes = (int(pushed[1]), pushed[2], int(pushed[3])) if pushed else None
    if (pushes is None) == (ROWS in sizes):
        raise BrokenError(f"{net}.h", f"and {net}.c differ in whether the input comes by rows")
    return Source(sizes, places, calls, dict(_FUNCTION.findall(code)), placeholders, macros, resets, pushes)


def macros_of(net: str, macros: Mapping[str, str]) -> Iterator[str]:
    """The names of the network's macros that stand for numbers, without its own name."""
    for name, value in macros.items():
        if name.startswith(f"{net.upper()}_") and value.isdecimal():
            yield name[len(net) + 1 :]


def _sizes(net: str, macros: Mapping[str, str]) -> dict[str, int]:
    """Bytes of each memory; arrays of near constants, and memory that an application lends, are there or not."""
    sizes = {}
    for memory, word in (_SIZES | {memory: memory.upper() for memory in (*NEAR, "tcm", ROWS)}).items():
        found = macros.get(f"{net.upper()}_{word}_MEM_SIZE")
        if found is None and memory not in _SIZES:
            continue
        if found is None or not re.fullmatch(r"\d{1,10}", found) or int(found) > MOST_BYTES:
            raise BrokenError(f"{net}.h", f"does not say how large {memory} is", f"at most {MOST_BYTES} bytes")
        sizes[memory] = int(found)
    return sizes


def _calls(code: str, texts: Mapping[str, str]) -> tuple[Call, ...]:
    """The calls of the network, each with its parameters; the grammar has them in its own functions alone."""
    headers: dict[str, dict[str, str]] = {}
    params = {}
    for kernel, name, text in _PARAMS.findall(code):
        if kernel not in headers:
            headers[kernel] = _struct(kernel, texts)
        if name in params:
            raise BrokenError(name, "is there twice")
        params[name] = kernel, _fields(name, text, headers[kernel])
    calls = []
    for number, (kernel, name, operands) in enumerate(_CALL.findall(code), 1):
        where = f"call {number}, {kernel}"
        own = params.get(name)
        if own is None or own[0] != kernel:
            raise BrokenError(where, f"has parameters {name} of another kernel")
        calls.append(Call(number, kernel, own[1], _arguments(where, kernel, operands, texts)))
    return tuple(calls)


def _struct(kernel: str, texts: Mapping[str, str]) -> dict[str, str]:
    """The C type of each of a kernel's parameters, in order."""
    if f"{kernel}.h" not in texts:
        raise BrokenError(f"{kernel}.h", "is missing", "a bundle with its sources")
    text = without_comments(texts[f"{kernel}.h"])
    check_kernel_header(kernel, text)
    found = re.findall(r"^  (\w+) (\w+);$", text, re.MULTILINE)
    fields = {name: ctype for ctype, name in found}
    if len(fields) != len(found):
        raise BrokenError(f"{kernel}.h", "has two parameters of one name")
    return fields


def _fields(name: str, body: str, struct: Mapping[str, str]) -> dict[str, Value]:
    """The parameters of a call: all that the struct has, in its order, each of its type."""
    found = _FIELD.findall(body)
    if [field for field, _ in found] != list(struct):
        raise BrokenError(name, "gives other parameters than its struct has", ", ".join(struct)[:200])
    return {field: _value(f"{name}, {field}", text, struct[field]) for field, text in found}


def _value(where: str, text: str, ctype: str) -> Value:
    """A parameter of a C type. Raises BrokenError for one that does not fit it."""
    if ctype == "tg_requant":
        parts = {key: int(value) for key, value in _PART.findall(text)}
        if set(parts) != set(_REQUANT) or not all(_fits(parts[key], _REQUANT[key]) for key in parts):
            raise BrokenError(where, f"is {text[:60]}", "a multiplier, an offset and two shifts")
        return parts
    if not _NUMBER.fullmatch(text):
        raise BrokenError(where, f"is {text[:40]!r}", "a number")
    if ctype == "float":
        if re.fullmatch(r"\d{1,7}", text):  # a whole number that a float holds
            return float(text)
        if not text.endswith("f"):
            raise BrokenError(where, f"is {text[:40]}", "a float")
        try:
            return float.fromhex(text[:-1])
        except (ValueError, OverflowError):
            raise BrokenError(where, f"is {text[:40]}", "a float") from None
    number = -(2**31) if text == "(-2147483647 - 1)" else None if text.endswith("f") else int(text)
    if number is None or not _fits(number, ctype):
        raise BrokenError(where, f"is {text[:40]}", f"a number of {ctype}")
    return number


def _fits(number: int, ctype: str) -> bool:
    bits = int(re.sub(r"\D", "", ctype))
    return 0 <= number < 1 << bits if ctype.startswith("u") else -(1 << (bits - 1)) <= number < 1 << (bits - 1)


def _arguments(where: str, kernel: str, text: str, texts: Mapping[str, str]) -> tuple[Argument, ...]:
    """The operands, in the prototype's order and with its names; casts must be the prototype's types."""
    prototypes = dict(_PROTOTYPE.findall(without_comments(texts.get(f"{kernel}.h", ""))))
    if kernel not in prototypes:
        raise BrokenError(where, f"{kernel}.h does not declare it")
    declared = [part.strip() for part in prototypes[kernel].split(",")][1:]
    given = [part.strip() for part in text.split(",\n")]
    if len(declared) != len(given):
        raise BrokenError(where, f"has {len(given)} operands", f"{len(declared)}, as {kernel}.h declares")
    found = []
    for one, own in zip(given, declared, strict=True):
        argument = _ARGUMENT.fullmatch(" ".join(own.split()))
        if argument is None:
            raise BrokenError(f"{kernel}.h", f"declares the operand {own[:60]!r}", "a pointer")
        if argument["type"] == "tg_code":
            found.append(Argument(argument["name"], "", one, 4, written=False))
            continue
        match = _OPERAND.fullmatch(one)
        if match is None or match["memory"] not in MEMORIES or match["type"] not in ITEM_BYTES:
            raise BrokenError(where, f"its operand {argument['name']} is {one[:80]!r}", "a place in a memory")
        if (match["type"], bool(match["const"])) != (argument["type"], bool(argument["const"])):
            raise BrokenError(where, f"its operand {argument['name']} has another type than {kernel}.h declares")
        item = ITEM_BYTES[match["type"]]
        found.append(Argument(argument["name"], match["memory"], match["label"], item, not argument["const"]))
    return tuple(found)


def near_arrays(net: str, texts: Mapping[str, str]) -> dict[str, bytes]:
    """The constants that are arrays of their own, by memory. Raises BrokenError for what is no byte."""
    text = without_comments(texts.get(f"{net}_near.c", ""))
    found = {}
    for memory in NEAR:
        pattern = rf"^const uint8_t {net}_{memory}\[{net.upper()}_{memory.upper()}_MEM_SIZE\] = \{{\n([^{{}};]*)\}};$"
        arrays = re.findall(pattern, text, re.MULTILINE)
        if len(arrays) > 1:
            raise BrokenError(f"{net}_near.c", f"has {len(arrays)} arrays {net}_{memory}", "one")
        for array in arrays:
            words = array.replace(",", " ").split()
            if not all(re.fullmatch(r"0X[0-9A-F]{2}", word) for word in words):
                raise BrokenError(f"{net}_near.c", f"has something else than bytes in {net}_{memory}")
            found[memory] = bytes(int(word, 16) for word in words)
    return found
