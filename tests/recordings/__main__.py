"""Write ``outcomes.json``: how far tinyglow agrees with each recording of this folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tinyglow.pipeline.crosscheck_tree import OUTCOMES, crosscheck_all, recordings

FOLDER = Path(__file__).parent
RECORD = FOLDER / "outcomes.json"


def known() -> dict[str, str]:
    """The recorded outcome of each recording."""
    found: dict[str, str] = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    return found


def main(arguments: list[str]) -> int:
    """Write the outcomes; 1 if one is worse than it was, and is not to be."""
    before = known()
    after = {row.recording: row.outcome for row in crosscheck_all(recordings(FOLDER))}
    worse = [name for name, now in after.items() if OUTCOMES.index(now) > OUTCOMES.index(before.get(name, now))]
    if worse and "--worse" not in arguments:
        print("worse than recorded:", *(f"{name}: {before[name]}, now {after[name]}" for name in worse), sep="\n  ")
        return 1
    RECORD.write_text(json.dumps(after, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
