"""An emulated board: loads a firmware, boots it, calls its functions and counts what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from tinyglow.errors import InputError, Problem, SimulationError, StackError
from tinyglow.sim import missing_package
from tinyglow.sim.bound import Bounds
from tinyglow.sim.cycles import cycle_model
from tinyglow.sim.decode import Kind
from tinyglow.sim.faults import ACCESSES, EXCEPTIONS
from tinyglow.sim.hooks import add_access_hook, add_block_hook, interruptible
from tinyglow.sim.image import Image, check_fits, stack_memory
from tinyglow.sim.memory import Waits
from tinyglow.sim.profile import CallProfile, Recorder
from tinyglow.sim.trace import CallStats, Code, Trace
from tinyglow.targets.boards import PAGE_BYTES, Board

try:
    import unicorn
    from unicorn import arm_const as arm
except ImportError as error:
    raise missing_package("unicorn") from error

__all__ = ["CallStats", "Machine"]

MAX_INSTRUCTIONS = 1_000_000_000
_BOOT_INSTRUCTIONS = 5_000_000  # to clear the largest RAM takes a fraction of it
# ARMv6-M and ARMv7-M Architecture Reference Manuals, B3.2: the block with the core's own registers, CPACR among them.
_SYSTEM_CONTROL_SPACE = 0xE000_E000
_CPACR = 0xE000_ED88
_CPACR_FPU = 0xF << 20
# Flash that was never written, and RAM after power-on: something other than the zeros a program might count on.
_ERASED, _POWER_ON = b"\xff", b"\xa5"
_THUMB_STATE = 1 << 24  # of xPSR
_ARGUMENTS = (arm.UC_ARM_REG_R0, arm.UC_ARM_REG_R1, arm.UC_ARM_REG_R2, arm.UC_ARM_REG_R3)
# A function leaves r4 to r11 as it found them (AAPCS, 6.1.1).
_PRESERVED = {getattr(arm, f"UC_ARM_REG_R{number}"): f"r{number}" for number in range(4, 12)}


class Machine:
    """A board with a program in its memories.

    It is booted once and then called as often as wanted; variables keep their values between calls, and get their
    first ones at the boot.
    """

    def __init__(self, image: Image, board: Board) -> None:
        """Load ``image`` into ``board``. Raises BoardError if it does not fit, SimulationError if nothing can count."""
        check_fits(image, board)
        self.image = image
        self.board = board
        self._unicorn = _emulator(board)
        self._code = Code(self.read, cycle_model(board.core), self._function_name)
        self._trace = Trace(self._code, self._stack_pointer, self._on_stack_overflow, self._on_failure)
        self._recorder: Recorder | None = None
        self._fault: BaseException | None = None
        self._doing = "boot"
        self._ready = self._home()
        self._stack_limit = 0
        self._booted = False
        self._load()
        self._add_hooks()

    def _home(self) -> int:
        """Where calls return to."""
        return self.image.symbol("main").address

    def boot(self) -> Machine:
        """Run from the reset vector until ``main`` is entered: stack set, variables initialized, FPU on.

        Returns the machine itself. Raises SimulationError if ``main`` is never reached, or not so prepared.
        """
        vectors = self.board.code.start
        stack, reset = (self._word(vectors + offset) for offset in (0, 4))
        data = stack_memory(self.image, self.board)
        if not data.start + self.board.stack_bytes <= stack <= data.end or stack % 8:
            found = f"the vector table at {vectors:#010x} starts with the stack pointer {stack:#010x}"
            raise self._error("no stack", self.image.path.name, found, f"the end of memory {data.name}")
        if not reset & 1:
            found = f"the reset vector {reset:#010x} is even: not Thumb code"
            raise self._error("no start", self.image.path.name, found, "an odd address")
        self._stack_limit = stack - self.board.stack_bytes
        self._unicorn.reg_write(arm.UC_ARM_REG_SP, stack)
        self._doing = "boot"
        self._run(reset, _BOOT_INSTRUCTIONS)
        if self.board.float_abi == "hard" and self._word(_CPACR) & _CPACR_FPU != _CPACR_FPU:
            found = "the FPU is off when main is entered"
            raise self._error("no FPU", "start-up code", found, "bits 20 to 23 of CPACR set")
        self._booted = True
        return self

    def call(
        self,
        symbol: str,
        *args: int,
        max_instructions: int = MAX_INSTRUCTIONS,
        strict: bool = False,
        timed: bool = False,
    ) -> CallStats:
        """Call a function of the program with integer and address arguments of 32 bits, and count.

        Args:
            symbol: Name of the function.
            *args: Its arguments. The stack pointer is where ``main`` found it.
            max_instructions: A limit.
            strict: Whether to check the alignment of every access, which is several times as slow; one call is usually
                enough.
            timed: Whether to count what the board's memories make the core wait, which is as slow.

        Raises SimulationError for a fault, a stack overflow, or a function that does not return as it should in time.
        """
        self._doing = symbol
        if not self._booted:  # not here and now: that would undo what was written to variables before
            raise self._error("not booted", symbol, "called before boot()")
        function = self.address_of(symbol)
        if function == self._ready:
            raise InputError("main cannot be called", [Problem(symbol, "is where calls return to", "another function")])
        registers = self._unicorn.context_save()
        try:
            stack = self._set_up(args)
            with self._alignment_checks(strict), self._following(timed) as waits:
                self._run(function, max_instructions)
            self._require_conventions(stack)
            value = self._unicorn.reg_read(arm.UC_ARM_REG_R0)
            stats = self._trace.stats(value - (value >> 31 << 32), self._ready, waits.blocks() if waits else ())
            return replace(stats, waits_by_memory=waits.by_memory()) if waits else stats
        finally:
            self._unicorn.context_restore(registers)

    def profile(self, symbol: str, network: str, *, max_instructions: int = MAX_INSTRUCTIONS) -> CallProfile:
        """Call a function without arguments, as ``call`` does, and say where the time went.

        network: a function that it calls, and whose own calls are to be told apart. Raises what ``call`` raises.
        """
        self.watch(network)
        starts = {function.address for function in self.image.functions}
        recorder = Recorder(self._code, self._trace, starts, Bounds(self._code, self._function_range))
        self._recorder = recorder
        try:
            stats = self.call(symbol, max_instructions=max_instructions, timed=True)
            return recorder.profile(stats, self._ready)
        finally:
            self._recorder = None
            self._trace.on_entry = None

    def watch(self, symbol: str) -> None:
        """From now on count how many calls of this function's own have returned: ``calls_returned``."""
        function = self.image.symbol(symbol)
        self._trace.watch(range(function.address, self.image.end_of(function)))

    @property
    def calls_returned(self) -> int:
        """How many calls that the watched function made have returned; -1: it was not even entered."""
        return self._trace.entries - 1

    def address_of(self, symbol: str) -> int:
        """The address of a variable or function (without Thumb bit); SimulationError if there is none."""
        return self.image.symbol(symbol).address

    def read(self, address: int, size: int) -> bytes:
        """``size`` bytes from ``address``; SimulationError if the board has no memory there."""
        try:
            return bytes(self._unicorn.mem_read(address, size))
        except unicorn.UcError:
            raise self._no_memory("read", address, size) from None

    def write(self, address: int, data: bytes) -> None:
        """Put bytes anywhere, flash included; SimulationError if the board has no memory there."""
        try:
            self._unicorn.mem_write(address, bytes(data))
        except unicorn.UcError:
            raise self._no_memory("write", address, len(data)) from None

    def _no_memory(self, what: str, address: int, size: int) -> SimulationError:
        memories = ", ".join(f"{part.name} {part.start:#010x} to {part.end:#010x}" for part in self.board.memories)
        problem = Problem(f"{address:#010x}", f"{size} bytes reach outside of all memories", memories)
        return SimulationError(f"cannot {what} memory of {self.board.name}", [problem])

    def _load(self) -> None:
        for memory in self.board.memories:
            holds_code = any(
                section.executable and memory.start <= section.address < memory.end for section in self.image.sections
            )
            rights = unicorn.UC_PROT_READ
            rights |= unicorn.UC_PROT_EXEC if holds_code else 0
            rights |= unicorn.UC_PROT_WRITE if memory.kind != "flash" else 0
            start, size = memory.pages
            self._unicorn.mem_map(start, size, rights)
            self._unicorn.mem_write(start, (_ERASED if memory.kind == "flash" else _POWER_ON) * size)
        self._unicorn.mem_map(_SYSTEM_CONTROL_SPACE, 4096, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
        for segment in self.image.segments:
            self._unicorn.mem_write(segment.address, segment.data)

    def _add_hooks(self) -> None:
        """All before the first instruction: a block that is already translated does not see a later hook."""
        add = self._unicorn.hook_add
        add_block_hook(self._unicorn, self._trace.on_block)
        add(unicorn.UC_HOOK_MEM_INVALID, self._on_bad_access)
        add(unicorn.UC_HOOK_INTR, self._on_exception)
        for start, end in self.image.code_ranges:
            for address, descent in self._code.after_unknown_stack_moves(start, end - start):
                add(unicorn.UC_HOOK_CODE, self._on_stack_move, descent, begin=address, end=address)

    def _set_up(self, arguments: Sequence[int]) -> int:
        """Registers and stack for a call (AAPCS, 6.4); returns the stack pointer.

        The first four arguments go into r0 to r3, the others onto the stack, which is 8-byte aligned at a call.
        """
        write = self._unicorn.reg_write
        words = [argument & 0xFFFF_FFFF for argument in arguments]
        for register, word in zip(_ARGUMENTS, words, strict=False):
            write(register, word)
        others = words[len(_ARGUMENTS) :]
        stack = (self._stack_pointer() - 4 * len(others)) & ~7
        self.write(stack, b"".join(word.to_bytes(4, "little") for word in others))
        for register in _PRESERVED:
            write(register, _mark(register))
        write(arm.UC_ARM_REG_SP, stack)
        # main stands for the caller: it is code, and nobody calls it, so that to arrive there is to return.
        write(arm.UC_ARM_REG_LR, self._ready | 1)
        return stack

    def _run(self, begin: int, max_instructions: int) -> None:
        """Run until ``main`` is reached; raise what went wrong before."""
        self._fault = None
        self._trace.start(self._stack_limit)
        try:
            with interruptible(self._unicorn):
                self._unicorn.emu_start(begin | 1, self._ready, count=max_instructions)
        except unicorn.UcError as error:
            self._fault = self._fault or self._explain(error)
        if self._fault is not None:
            raise self._fault
        if self._unicorn.reg_read(arm.UC_ARM_REG_PC) != self._ready:
            raise self._not_returned(max_instructions)

    def _require_conventions(self, stack: int) -> None:
        broken = [
            Problem(self._doing, f"{name} is {self._unicorn.reg_read(register):#010x} after the call", f"{value:#010x}")
            for register, name, value in (
                (arm.UC_ARM_REG_SP, "the stack pointer", stack),
                *((register, name, _mark(register)) for register, name in _PRESERVED.items()),
            )
            if self._unicorn.reg_read(register) != value
        ]
        if broken:
            raise SimulationError(f"{self._doing} on {self.board.name} did not return properly", broken)

    @contextmanager
    def _alignment_checks(self, wanted: bool) -> Iterator[None]:
        with self._hooks([add_access_hook(self._unicorn, self._on_access, self.board.core.has_it)] if wanted else []):
            yield

    @contextmanager
    def _following(self, wanted: bool) -> Iterator[Waits | None]:
        """Count what memories make the core wait, if wanted and if any does."""
        if not wanted or not self.board.waits:
            yield None
            return
        waits = Waits(self.board, self._code.cycles, self._on_failure)
        on_access = add_access_hook(self._unicorn, waits.on_access, self.board.core.has_it)
        add = (add_block_hook(self._unicorn, waits.on_block), on_access)
        if self._recorder is not None:
            self._recorder.waits = waits
        with self._hooks(add):
            yield waits

    @contextmanager
    def _hooks(self, hooks: Sequence[int]) -> Iterator[None]:
        """Have hooks that were just added, for a while."""
        if hooks:
            self._unicorn.ctl_flush_tb()  # blocks translated before do not call them
        try:
            yield
        finally:
            for hook in hooks:
                self._unicorn.hook_del(hook)
            if hooks:
                self._unicorn.ctl_flush_tb()

    def _on_access(self, _emulator: object, access: int, address: int, size: int) -> None:
        if not address & (min(size, 4) - 1):
            return
        try:
            self._check_alignment(access, address, size)
        except BaseException as error:
            self._on_failure(error)

    def _check_alignment(self, access: int, address: int, size: int) -> None:
        kind, text = self._instruction_at(self._unicorn.reg_read(arm.UC_ARM_REG_PC))
        # Where single accesses may be unaligned, multiple and floating-point ones may not (Armv7-M ARM, A3.2.1).
        if not self.board.core.unaligned or kind in (Kind.LOAD_MANY, Kind.STORE_MANY) or text.startswith("v"):
            what = "writes" if access == unicorn.UC_MEM_WRITE else "reads"
            self._stop("unaligned access", f"{what} {size} bytes at {address:#010x}", "an aligned address", text)

    def _on_bad_access(self, _unicorn: Any, access: int, address: int, size: int, _value: int, _data: object) -> bool:
        text = ACCESSES.get(access, "accesses {size} bytes at {address:#010x}")
        memory = next((part.name for part in self.board.memories if part.start <= address < part.end), "")
        self._stop("bad memory access", text.format(size=size, address=address, memory=memory))
        return False

    def _on_exception(self, _unicorn: Any, number: int, _data: object) -> None:
        self._stop("exception", EXCEPTIONS.get(number, f"raises exception {number}"))

    def _on_stack_move(self, _unicorn: Any, _address: int, _size: int, descent: int) -> None:
        self._trace.reach(descent)

    def _on_failure(self, error: BaseException) -> None:
        """What a hook may not raise is raised after the emulation."""
        self._fault = self._fault or error
        self._unicorn.emu_stop()

    def _on_stack_overflow(self, lowest: int) -> None:
        """As ``_stop``, with an error of its own."""
        limit, room = self._stack_limit, self.board.stack_bytes
        found = f"needs at least {limit + room - lowest:,} bytes of stack: {limit - lowest:,} below its end"
        expected = f"at most {room:,} bytes, stack_bytes of the board"
        error = self._error("stack overflow", self._whereabouts(), found, expected)
        self._on_failure(StackError(error.summary, error.problems))

    def _stop(self, what: str, found: str, expected: str = "", instruction: str = "") -> None:
        """Note the first fault, and stop the emulator."""
        if self._fault is None:
            where = self._whereabouts() + (f", {instruction}" if instruction else "")
            self._fault = self._error(what, where, found, expected)
        self._unicorn.emu_stop()

    def _error(self, what: str, where: str, found: str, expected: str = "") -> SimulationError:
        return SimulationError(f"{self._doing} on {self.board.name}: {what}", [Problem(where, found, expected)])

    def _explain(self, error: unicorn.UcError) -> SimulationError:
        found = str(error)
        if error.errno == unicorn.UC_ERR_INSN_INVALID:
            in_thumb = self._unicorn.reg_read(arm.UC_ARM_REG_XPSR) & _THUMB_STATE
            found = EXCEPTIONS[1] if in_thumb else EXCEPTIONS[18]
        return self._error("exception", self._whereabouts(), found)

    def _not_returned(self, max_instructions: int) -> SimulationError:
        pc = self._unicorn.reg_read(arm.UC_ARM_REG_PC)
        # An instruction that waits for an event ends the emulation.
        if self._instruction_at(pc - 2)[0] is Kind.WAIT:
            return self._error("sleeps for ever", self._whereabouts(), "waits for an interrupt: there are none here")
        found = f"still running after {max_instructions:,} instructions"
        return self._error("runaway", self._whereabouts(), found, "a return before that")

    def _whereabouts(self) -> str:
        """Where the program is, in words: function and offset, and the program counter."""
        pc = self._unicorn.reg_read(arm.UC_ARM_REG_PC)
        last = self._trace.last_address
        if self.image.function_at(pc) is None and last is not None:
            return f"{self.image.place(last)} (then pc {pc:#010x})"
        return f"{self.image.place(pc)} (pc {pc:#010x})"

    def _instruction_at(self, address: int) -> tuple[Kind, str]:
        try:
            instructions = self._code.instructions(address, 4)
        except SimulationError:
            instructions = []
        return (instructions[0].kind, instructions[0].text) if instructions else (Kind.TRAP, "")

    def _function_range(self, address: int) -> range:
        function = self.image.function_at(address)
        return range(function.address, self.image.end_of(function)) if function else range(address, address + 1)

    def _function_name(self, address: int) -> str:
        function = self.image.function_at(address)
        return function.name if function else "(outside of all functions)"

    def _stack_pointer(self) -> int:
        return int(self._unicorn.reg_read(arm.UC_ARM_REG_SP))

    def _word(self, address: int) -> int:
        return int.from_bytes(self.read(address, 4), "little")


def _emulator(board: Board) -> Any:
    emulator = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
    emulator.ctl_set_cpu_model(getattr(arm, f"UC_CPU_ARM_CORTEX_{board.core.emulator}"))
    emulator.ctl_set_page_size(PAGE_BYTES)
    return emulator


def _mark(register: int) -> int:
    """What a preserved register holds at a call: something no program computes, different for each."""
    return 0xC0DE_0000 | register
