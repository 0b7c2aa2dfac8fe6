"""Check that no file that a command reads is one that it writes."""

from __future__ import annotations

import re
import stat
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tinyglow.resources import FileIdentity, identity_of


def named_twice(argv: Sequence[str]) -> frozenset[FileIdentity]:
    """The files that two arguments or more name, by any path or link: one of them may be where a result goes.

    An argument names the file that it is, or that stands after its first "=" or its last ",".
    """
    counts: Counter[FileIdentity] = Counter()
    for text in argv[1:]:  # the first is the command's own name
        candidates = {text, text.partition("=")[2], re.split("[=,]", text)[-1]}
        counts.update({identity for candidate in candidates if (identity := _regular(candidate)) is not None})
    return frozenset(identity for identity, count in counts.items() if count > 1)


def _regular(text: str) -> FileIdentity | None:
    try:
        return identity_of(Path(text)) if text and stat.S_ISREG(Path(text).stat().st_mode) else None
    except (OSError, ValueError):
        return None
