"""``python -m tests.c_quality``: count the deviations from MISRA C:2012 in all of the runtime, and record them."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.c_quality.misra import look, reasons, totals, version, write_record

if __name__ == "__main__":
    if version() is None:
        sys.exit("cppcheck is not installed: apt install cppcheck")
    with tempfile.TemporaryDirectory() as folder:
        counts, others = look(Path(folder))
    write_record(counts)
    print("\n".join(others))
    missing = sorted(set(totals()) - set(reasons()))
    sys.exit(f"no reason is given for {', '.join(missing)}" if missing else 0)
