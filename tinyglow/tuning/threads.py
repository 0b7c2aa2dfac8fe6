"""Keep BLAS libraries to one thread: several processes with a thread for each core slow each other down."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

# The libraries that numpy may come with read these when they are loaded.
_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@contextmanager
def one_thread_each() -> Iterator[None]:
    """A process that is started, or imports numpy for the first time, within the block uses one thread for BLAS.

    What the user has set stays as it is.
    """
    unset = [name for name in _VARIABLES if name not in os.environ]
    os.environ.update(dict.fromkeys(unset, "1"))
    try:
        yield
    finally:
        for name in unset:
            del os.environ[name]
