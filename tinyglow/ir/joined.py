"""Which nodes of the model file are computed together: a record that passes keep while they merge nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence


class Joined:
    """For a node of the model file, all nodes of the file whose work is done by what stems from it, in their order."""

    def __init__(self, names: Mapping[str, tuple[str, ...]]) -> None:
        self._names = dict(names)
        self._nodes: defaultdict[str, dict[str, None]] = defaultdict(dict)

    def note(self, node: str, origin: str) -> None:
        """Note that a node of the graph stems from ``origin``."""
        self._nodes[origin][node] = None

    def nodes_of(self, origin: str) -> list[str]:
        """Names of the graph's nodes, present and past, that stem from ``origin``."""
        return list(self._nodes[origin])

    def join(self, origin: str, origins: Sequence[str]) -> None:
        """Note that what stems from ``origin`` does the work of ``origins``, itself among them."""
        names = [name for part in origins for name in self._names.get(part, (part,)) if name]
        if origin and len(set(names)) > 1:
            self._names[origin] = tuple(dict.fromkeys(names))

    def of(self, origins: Collection[str]) -> dict[str, tuple[str, ...]]:
        """The record for a graph whose nodes stem from ``origins``, which stand for themselves."""
        return {
            origin: tuple(name for name in names if name == origin or name not in origins)
            for origin, names in self._names.items()
            if origin in origins
        }
