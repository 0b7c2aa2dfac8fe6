"""Where each station writes what it made, for people to read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tinyglow.errors import InputError, Problem, reason
from tinyglow.ir.dump import dump_graph
from tinyglow.ir.graph import Graph
from tinyglow.ir.record import Record
from tinyglow.ir.verify import verify


class Dump(Record):
    """Writes each station's result into a folder, numbered; does nothing without one."""

    folder: Path | None = None

    def graph(self, number: int, station: str, graph: Graph) -> Graph:
        """Verify a station's graph and write it. Returns the graph."""
        verify(graph, station)
        self.text(number, station, lambda: dump_graph(graph))
        return graph

    def text(self, number: int, station: str, text: Callable[[], str]) -> None:
        """Write a station's result as text. Raises InputError."""
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / f"{number}_{station}.txt").write_text(text(), encoding="utf-8")
        except OSError as error:
            problem = Problem(str(self.folder), reason(error))
            raise InputError("cannot write the dump", [problem]) from error


NO_DUMP = Dump()
