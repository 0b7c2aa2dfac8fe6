"""Whether every access lies inside of its buffer, and buffers that are in use at once share no byte without leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinyglow.checker.findings import BrokenError, Findings
from tinyglow.checker.overlaps import copies_apart, distance_of, in_place, reads_once
from tinyglow.checker.source import READ_ONLY, ROWS, Call, Source

# Memories whose content means nothing when the network is called.
_EMPTY = ("activations", "tcm")
# Operands of which the first may lie over the second.
_OVERLAID = (("output", "input"), ("after", "state"))


@dataclass(frozen=True)
class Area:
    """A buffer as the proof has it.

    Attributes:
        name: Its label in C, without the network's name.
        memory: The memory that it lies in.
        offset: Bytes from the memory's first.
        size: Bytes.
        first: The call, counted from 1, from which its content counts; 0: from before the first.
        last: The call to which it counts; one more than there are: after the last, too.
        part_of: Name of the buffer whose bytes it has some of; "" if it has its own.
    """

    name: str
    memory: str
    offset: int
    size: int
    first: int
    last: int
    part_of: str = ""

    @property
    def end(self) -> int:
        """The first byte after it."""
        return self.offset + self.size


@dataclass(frozen=True)
class Life:
    """The calls, counted from 1, from which and to which a buffer's content counts; 0: from before the first."""

    first: int
    last: int


def check_places(
    source: Source, net: str, areas: Mapping[str, Area], sizes: Mapping[str, int], found: Findings
) -> None:
    """Each buffer of the proof is the C's, lies in its memory, and begins at a multiple of four bytes."""
    for label in source.places.keys() - {f"{net}_at_{name}" for name in areas}:
        found.require(False, label[:80], "is a buffer that the proof does not have")
    for name, area in areas.items():
        label = f"{net}_at_{name}"
        offset = source.places.get(label)
        if not found.require(offset is not None, f"buffer {name}", f"is none of {net}.c"):
            continue
        found.require(
            offset == area.offset,
            f"buffer {name}",
            f"begins at {offset} in {net}.c",
            f"{area.offset}, as the proof says",
        )
        found.require(area.offset % 4 == 0, f"buffer {name}", f"begins at {area.offset}", "a multiple of 4")
        room = sizes.get(area.memory, 0)
        found.require(
            area.offset >= 0 and area.end <= room,
            f"buffer {name}",
            f"ends at byte {area.end} of {area.memory}",
            f"at most {room}",
        )
        if area.part_of:
            _check_part(area, areas.get(area.part_of), found)


def _check_part(part: Area, whole: Area | None, found: Findings) -> None:
    """A part lies inside of a buffer that is no part itself."""
    where = f"buffer {part.name}"
    if not found.require(whole is not None, where, f"is a part of {part.part_of}", "a buffer of the proof"):
        return
    assert whole is not None
    found.require(not whole.part_of, where, f"is a part of {whole.name}, which is a part", "a part of a whole buffer")
    inside = part.memory == whole.memory and whole.offset <= part.offset and part.end <= whole.end
    found.require(
        inside,
        where,
        f"has bytes {part.offset} to {part.end - 1} of {part.memory}",
        f"a part of {whole.offset} to {whole.end - 1} of {whole.memory}, {whole.name}",
    )


def check_placeholders(net: str, source: Source, areas: Mapping[str, Area], found: Findings) -> None:
    """What an application reads and writes lies where the network has it, and is as large; all begins at words."""
    big, where, macros = net.upper(), f"{net}.h", source.macros
    for name, area in areas.items():
        offset, size = macros.get(f"{big}_{name}"), macros.get(f"{big}_{name}_BYTES")
        if area.memory != "mutableWeight" or offset is None:
            continue
        found.require(offset == str(area.offset), where, f"has {name} at {offset[:20]}", f"{area.offset}")
        found.require(size in (None, f"{area.size}u"), where, f"says that {name} has {size} bytes", f"{area.size}")
    alignment = macros.get(f"{big}_MEM_ALIGN", "0")
    aligned = alignment.isdecimal() and len(alignment) < 10 and int(alignment) > 0 and int(alignment) % 4 == 0
    found.require(aligned, where, f"aligns memories to {alignment[:20]} bytes", "a multiple of 4")


def check_resets(net: str, source: Source, areas: Mapping[str, Area], found: Findings) -> None:
    """What resets the states writes inside of them, and reads inside of the arrays with their first values."""
    for label, count, held in source.resets:
        area, where = areas.get(label.removeprefix(f"{net}_at_")), f"{net}_reset"
        inside = area is not None and area.memory == "mutableWeight" and count <= area.size
        inside = inside and label.removeprefix(f"{net}_at_") not in source.placeholders
        found.require(inside, where, f"writes {count} bytes to {label[:80]}", "bytes of a state alone")
        found.require(held is None or count <= held, where, f"reads {count} bytes", f"at most {held}")


def check_accesses(
    call: Call, net: str, areas: Mapping[str, Area], bytes_of: Mapping[str, int], found: Findings
) -> bool:
    """Each operand of a call is a buffer of the memory that the C names, and the kernel stays inside of it.

    No operand that the kernel writes is another operand, too, unless it works in place. Returns whether all this holds.
    """
    before = len(found.faults)
    for argument in call.arguments:
        if not argument.memory:
            continue
        name, where = argument.label.removeprefix(f"{net}_at_"), f"{call.where}: {argument.name}"
        area = areas.get(name)
        if (
            not found.require(area is not None, where, f"is {argument.label[:80]}", "a buffer of the proof")
            or area is None
        ):
            continue
        found.require(area.memory == argument.memory, where, f"lies in {argument.memory}", area.memory)
        if argument.name not in bytes_of:
            found.require(False, where, "is an operand of which the checker does not know the size")
            continue
        touched = bytes_of[argument.name]
        found.require(0 < touched <= area.size, where, f"takes {touched} bytes of {name}", f"at most {area.size}")
        fixed = argument.memory in READ_ONLY
        found.require(not (fixed and argument.written), where, "is written, but lies in memory that is only read")
    if len(found.faults) == before:
        _check_labels(call, {f"{net}_at_{name}": area.size for name, area in areas.items()}, found)
    return len(found.faults) == before


def _check_labels(call: Call, sizes: Mapping[str, int], found: Findings) -> None:
    """What is written is no other operand but the one that it may overlay, or is not read of it."""
    for index, one in enumerate(call.arguments):
        for other in call.arguments[index + 1 :]:
            if not one.memory or one.label != other.label or not (one.written or other.written):
                continue
            pair = {one.name, other.name}
            shared = any(pair == set(names) for names in _OVERLAID) and in_place(call)
            shared = shared or copies_apart(call, sizes[one.label])
            where = f"{call.where}: {one.name}"
            found.require(
                shared, where, f"is the same buffer as {other.name}, which is written", "buffers of their own"
            )


def lives(source: Source, net: str, areas: Mapping[str, Area]) -> dict[str, Life]:
    """When each buffer is in use.

    Args:
        source: The C.
        net: The network's name.
        areas: The buffers.

    Returns:
        By name. A placeholder that a call writes is an output, and counts after the last call too. What is read before
        it is written is an input; one that is written later is a state, which counts always. A part of a buffer is in
        use when that is.

    Raises:
        BrokenError: An activation is read before it is written.
    """
    end = len(source.calls) + 1
    reads: dict[str, list[int]] = {name: [] for name in areas}
    writes: dict[str, list[int]] = {name: [] for name in areas}
    for call in source.calls:
        for argument in call.arguments:
            name = argument.label.removeprefix(f"{net}_at_")
            if argument.memory == ROWS and source.pushed:
                reads.setdefault(source.pushed[1].removeprefix(f"{net}_at_"), []).append(call.number)
            if name in areas:
                (writes if argument.written else reads)[_whole(name, areas)].append(call.number)
    found = {}
    for name in dict.fromkeys(_whole(name, areas) for name in areas):
        area = areas[name]
        if area.memory in _EMPTY and reads[name] and min(reads[name]) <= min(writes[name], default=end):
            raise BrokenError(f"buffer {name}", f"is read by call {min(reads[name])}, before anything is written to it")
        touched = sorted(reads[name] + writes[name]) or [0]
        first, last = touched[0], touched[-1]
        if area.memory in READ_ONLY:
            first, last = 0, end
        if area.memory == "mutableWeight":
            given = not writes[name] or (reads[name] and min(reads[name]) <= min(writes[name]))
            if given:
                first = 0
            if writes[name] and (given or name in source.placeholders):
                last = end
        found[name] = Life(first, last)
    return {name: found[_whole(name, areas)] for name in areas}


def _whole(name: str, areas: Mapping[str, Area]) -> str:
    """The buffer whose bytes a buffer has."""
    part_of = areas[name].part_of
    return part_of if part_of in areas else name


def check_disjoint(
    source: Source,
    net: str,
    areas: Mapping[str, Area],
    claimed: Mapping[tuple[int, str, str], int],
    found: Findings,
) -> None:
    """No two buffers in use at once share a byte, but an input and an output of one call where its kernel allows that.

    So it is with parts of one buffer, as far as a call reads the one and writes the other.

    Args:
        source: The C.
        net: The network's name.
        areas: The buffers.
        claimed: The distances that the proof states, by call, output and input.
        found: Takes the faults.
    """
    used = lives(source, net, areas)
    for name, life in used.items():
        stated = Life(areas[name].first, areas[name].last)
        found.require(
            stated == life,
            f"buffer {name}",
            f"is in use from {stated.first} to {stated.last}, as the proof says",
            f"{life.first} to {life.last}, by the calls",
        )
    seen = _check_calls(source, net, areas, claimed, found)
    wholes = [area for area in areas.values() if _whole(area.name, areas) == area.name]
    for memory in {area.memory for area in wholes}:
        own = sorted((area for area in wholes if area.memory == memory), key=lambda area: area.offset)
        for index, one in enumerate(own):
            for other in own[index + 1 :]:
                if other.offset >= one.end:
                    break
                a, b = used[one.name], used[other.name]
                if one.size == 0 or other.size == 0 or a.last < b.first or b.last < a.first:
                    continue
                over = _last_part_over(source, net, areas, (one, other), used)
                key = _shared(source, net, (one, other), used, claimed, found) if over is None else None
                if over is not None and _meet(areas[over[1]], areas[over[2]]):
                    key = over
                    claim, allowed = claimed.get(over), distance_of(source.calls[over[0] - 1])
                    where = f"call {over[0]}: {over[1]} over {over[2]}"
                    found.require(claim == allowed, where, f"the proof states a distance of {claim}", f"{allowed}")
                if key is not None:
                    seen.add(key)
    for number, output, source_name in claimed.keys() - seen:
        where = f"call {number}: {output} over {source_name}"
        found.require(False, where, "the proof states a distance for buffers that do not overlap so")


def _check_calls(
    source: Source,
    net: str,
    areas: Mapping[str, Area],
    claimed: Mapping[tuple[int, str, str], int],
    found: Findings,
) -> set[tuple[int, str, str]]:
    """No call writes what it reads of the same buffer, in parts, unless its kernel allows it. Returns where that is."""
    seen = set()
    for call in source.calls:
        names = [(a.label.removeprefix(f"{net}_at_"), a) for a in call.arguments if a.memory]
        own = [(areas[name], argument) for name, argument in names if name in areas]
        for output, written in own:
            for other, argument in own:
                if argument is written or not written.written or (output.name == other.name and not output.part_of):
                    continue
                if _whole(output.name, areas) != _whole(other.name, areas) or not _meet(output, other):
                    continue
                where = f"call {call.number}: {output.name} over {other.name}"
                delta, allowed = output.offset - other.offset, distance_of(call)
                first = (written.name, argument.name) in _OVERLAID and allowed is not None and delta <= allowed
                if found.require(first, where, f"shares bytes of {_whole(other.name, areas)}", "bytes of their own"):
                    key = call.number, output.name, other.name
                    stated = claimed.get(key)
                    found.require(stated == allowed, where, f"the proof states a distance of {stated}", f"{allowed}")
                    seen.add(key)
    return seen


def _last_part_over(
    source: Source, net: str, areas: Mapping[str, Area], pair: tuple[Area, Area], used: Mapping[str, Life]
) -> tuple[int, str, str] | None:
    """Two buffers in use at once, of which one is written part by part: the call that first writes over the other.

    It reads the other for the last time, and its kernel allows that the part lies so over what it reads. Earlier calls
    use parts that do not meet the other buffer.

    Returns:
        The call, the part and what it reads; None if this is not so.
    """
    for old, new in (pair, pair[::-1]):
        number = used[old.name].last
        if not max(1, used[new.name].first) <= number <= len(source.calls):
            continue
        before = [_operands(call, net, areas, new) for call in source.calls[: number - 1]]
        call = source.calls[number - 1]
        outputs, inputs = _operands(call, net, areas, new), _operands(call, net, areas, old)
        if any(_meet(area, old) for areas_ in before for area in areas_.values()) or len(outputs) != 1:
            continue
        ((output, part),), allowed = outputs.items(), distance_of(call)
        if len(inputs) != 1 or allowed is None:
            continue
        ((operand, read),) = inputs.items()
        if part.part_of and (output, operand) in _OVERLAID and part.offset - read.offset <= allowed:
            return number, part.name, read.name
    return None


def _operands(call: Call, net: str, areas: Mapping[str, Area], whole: Area) -> dict[str, Area]:
    """The operands of a call that are a buffer or parts of it, by their names in the prototype."""
    labels = {argument.name: argument.label.removeprefix(f"{net}_at_") for argument in call.arguments}
    own = {name: areas[label] for name, label in labels.items() if label in areas}
    return {name: area for name, area in own.items() if _whole(area.name, areas) == whole.name}


def _meet(one: Area, other: Area) -> bool:
    """Whether two buffers of one memory share a byte."""
    return one.offset < other.end and other.offset < one.end


def _shared(
    source: Source,
    net: str,
    pair: tuple[Area, Area],
    used: Mapping[str, Life],
    claimed: Mapping[tuple[int, str, str], int],
    found: Findings,
) -> tuple[int, str, str] | None:
    """Two buffers in use at once that share bytes: the call that allows it, its output and its input, if one does."""
    for old, new in (pair, pair[::-1]):
        number = used[old.name].last
        if number != used[new.name].first or not 1 <= number <= len(source.calls):
            continue
        call = source.calls[number - 1]
        names = {argument.name: argument.label.removeprefix(f"{net}_at_") for argument in call.arguments}
        uses = list(names.values()).count(old.name)
        key = number, new.name, old.name
        where = f"call {number}: {new.name} over {old.name}"
        if (new.name, old.name) not in ((names.get(out), names.get(source)) for out, source in _OVERLAID):
            continue
        delta, allowed = new.offset - old.offset, distance_of(call)
        if delta == 0 and in_place(call) and (uses == 1 or reads_once(call)):
            found.require(key not in claimed, where, "works in place", "no distance in the proof")
            return None
        if uses > 1:
            continue
        if allowed is not None and delta <= allowed:
            stated = claimed.get(key)
            found.require(stated == allowed, where, f"the proof states a distance of {stated}", f"{allowed}")
            return key
    one, other = pair
    found.require(
        False,
        f"buffers {one.name} and {other.name}",
        f"share bytes {other.offset} to {min(one.end, other.end) - 1} of {one.memory} while both are in use",
        "bytes of their own",
    )
    return None
