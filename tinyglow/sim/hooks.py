"""The emulator's callbacks, as short as possible, and Ctrl-C while the emulator runs.

The emulator's Python package calls a hook through three Python functions. Here the emulator calls the hook itself,
which makes counting by blocks two to three times as fast. If a release of the package looks different inside, hooks use
the package's own way: everything works as before, but slower.
"""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tinyglow.sim import missing_package

try:
    import unicorn
    from unicorn import arm_const
except ImportError as error:
    raise missing_package("unicorn") from error
try:
    from unicorn.unicorn_py3.unicorn import uclib as _library
except ImportError:
    _library = None

# What a hook gets: the emulator (which it has no use for), then address and size of a block, or kind, address and size
# of an access. What the emulator passes after them is not asked for.
_BLOCK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32)
_ACCESS = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_uint64, ctypes.c_int)

OnBlock = Callable[[object, int, int], None]
OnAccess = Callable[[object, int, int, int], None]


def add_block_hook(emulator: Any, on_block: OnBlock) -> int:
    """Call ``on_block(_, address, size)`` before each block. It must not raise: nobody would hear of it."""
    if not _is_open(emulator):
        return int(emulator.hook_add(unicorn.UC_HOOK_BLOCK, lambda e, address, size, _: on_block(e, address, size)))
    return _add(emulator, unicorn.UC_HOOK_BLOCK, _BLOCK(on_block))


# EPSR's bits of an IT block within xPSR (Armv7-M ARM, B1.4.2).
_IT_BITS = 0x0600_FC00


def _out_of_it_blocks(emulator: Any, on_access: OnAccess) -> OnAccess:
    """``on_access``, and what the emulator forgets behind it.

    For an access hook the emulator writes down where it is, the IT block included, and nothing ends that block then:
    the first instructions of the next block of code would be skipped. The code of this one does not look at the bits.
    """
    status_of = _status_reader(emulator)

    def watched(handle: object, kind: int, address: int, size: int) -> None:
        on_access(handle, kind, address, size)
        status = status_of()
        if status & _IT_BITS:
            emulator.reg_write(arm_const.UC_ARM_REG_XPSR, status & ~_IT_BITS)

    return watched


def _status_reader(emulator: Any) -> Callable[[], int]:
    """A function that reads xPSR: the emulator's own, for the package's takes five times as long."""
    if not _is_open(emulator) or not hasattr(_library, "uc_reg_read"):
        return lambda: int(emulator.reg_read(arm_const.UC_ARM_REG_XPSR))
    value = ctypes.c_uint64(0)
    arguments = emulator._uch, ctypes.c_int(arm_const.UC_ARM_REG_XPSR), ctypes.byref(value)
    function = _library.uc_reg_read

    def read() -> int:
        function(*arguments)
        return value.value

    return read


def add_access_hook(emulator: Any, on_access: OnAccess, has_it: bool) -> int:
    """Call ``on_access(_, kind, address, size)`` at each read and write; it must not raise.

    The emulator could watch some addresses only, but unicorn 2.1.4 then loses the new stack pointer of a push.

    Args:
        emulator: The emulator.
        on_access: What to call.
        has_it: Whether the core has IT blocks.

    Returns:
        The hook's handle.
    """
    if has_it:
        on_access = _out_of_it_blocks(emulator, on_access)
    kinds = unicorn.UC_HOOK_MEM_READ | unicorn.UC_HOOK_MEM_WRITE
    if not _is_open(emulator):
        return int(emulator.hook_add(kinds, lambda e, kind, address, size, *_: on_access(e, kind, address, size)))
    return _add(emulator, kinds, _ACCESS(on_access))


def _is_open(emulator: Any) -> bool:
    return _library is not None and all(hasattr(emulator, name) for name in ("_uch", "_callbacks"))


def _add(emulator: Any, kinds: int, function: Any) -> int:
    handle = ctypes.c_size_t()
    everywhere = ctypes.c_uint64(1), ctypes.c_uint64(0)
    # As the package itself does it: through a cast, which its declaration of the C function takes.
    pointer = ctypes.cast(function, type(function))
    status = _library.uc_hook_add(emulator._uch, ctypes.byref(handle), kinds, pointer, ctypes.c_void_p(0), *everywhere)
    if status != unicorn.UC_ERR_OK:
        raise unicorn.UcError(status)
    emulator._callbacks[handle.value] = (pointer, function)  # alive as long as the hook, which hook_del ends
    return handle.value


@contextmanager
def interruptible(emulator: Any) -> Iterator[None]:
    """Let Ctrl-C stop the emulator and raise KeyboardInterrupt: raised inside a hook it would be lost."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed = False

    def stop(_signal: int, _frame: object) -> None:
        nonlocal pressed
        pressed = True
        emulator.emu_stop()

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:  # somebody else answers, or nobody shall
        yield
        return
    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt
