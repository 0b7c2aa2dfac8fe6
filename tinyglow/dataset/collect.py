"""The page on which samples are drawn: lines in boxes -> pictures of 28 x 28 pixels in a data set."""

from __future__ import annotations

import base64
import math
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinyglow.dataset.site import Json, RefusedError, Site, label_in, static_pages
from tinyglow.dataset.store import Store
from tinyglow.dataset.strokes import PEN, picture_of
from tinyglow.images.dat import SIDE, write_dat

MOST_BOXES = 16
MOST_STROKES = 64  # of a drawing
MOST_POINTS = 2000  # of a drawing: at the 120 a second of a fast screen, more than a quarter of a minute
_MOST_UNDONE = 10_000

Strokes = list[list[tuple[float, float]]]


@dataclass
class Collector:
    """What the page asks for.

    Attributes:
        store: Where samples go.
        writer: Begins the names of files; "" for none.
        boxes: Drawings of one class at a time.
        goal: Samples of each class after which the page asks for others first.
        pen: Width of a line in the finished picture, in pixels.
    """

    store: Store
    writer: str = ""
    boxes: int = 4
    goal: int = 100
    pen: float = PEN
    _written: OrderedDict[str, Path] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def site(self) -> Site:
        """The page and its requests."""
        return Site(static_pages("collect"), self.state, {"/samples": self.save, "/undo": self.undo})

    def state(self) -> dict[str, Json]:
        """What the page starts with."""
        return {
            "labels": list(self.store.labels),
            "counts": self.store.counts(),
            "boxes": self.boxes,
            "goal": self.goal,
            "side": SIDE,
            "limits": {"strokes": MOST_STROKES, "points": MOST_POINTS},
        }

    def save(self, request: Json) -> dict[str, Json]:
        """Write a sample for each drawing of ``{"label": 3, "drawings": [[[[x, y], ...], ...], ...]}``.

        Coordinates are from 0 to 1 over the box. All drawings are looked at before any is written.
        """
        label = label_in(request, "label", self.store.labels)
        drawings = request.get("drawings")
        if not isinstance(drawings, list) or not 1 <= len(drawings) <= MOST_BOXES:
            raise RefusedError(400, f"the drawings are not a list of 1 to {MOST_BOXES}")
        lines = [_strokes(drawing) for drawing in drawings]
        with self._lock:  # one at a time: a picture takes some memory while it is drawn
            pictures = [picture_of(strokes, self.pen) for strokes in lines]
        saved = [self._write(label, picture) for picture in pictures]
        return {"saved": saved, "counts": self.store.counts()}

    def _write(self, label: str, picture: npt.NDArray[np.uint8]) -> dict[str, Json]:
        path, key = self.store.add(label, write_dat(picture), self.writer), secrets.token_urlsafe(12)
        with self._lock:
            self._written[key] = path
            while len(self._written) > _MOST_UNDONE:
                self._written.popitem(last=False)
        return {"id": key, "name": path.name, "pixels": base64.b64encode(picture.tobytes()).decode("ascii")}

    def undo(self, request: Json) -> dict[str, Json]:
        """Remove the samples of ``{"ids": [...]}``, which ``save`` gave to who wrote them."""
        ids = request.get("ids") if isinstance(request, dict) else None
        if not isinstance(ids, list) or len(ids) > MOST_BOXES or not all(isinstance(key, str) for key in ids):
            raise RefusedError(400, f"the samples to remove are not a list of up to {MOST_BOXES}")
        removed = 0
        for key in ids:
            with self._lock:
                path = self._written.pop(key, None)
            if path is not None:
                try:
                    self.store.remove(path)
                    removed += 1
                except FileNotFoundError:  # somebody else was faster
                    pass
        return {"removed": removed, "counts": self.store.counts()}


def _strokes(drawing: Json) -> Strokes:
    """The lines of a drawing, if they are such. Coordinates beyond the box are moved to its border."""
    if not isinstance(drawing, list) or not 1 <= len(drawing) <= MOST_STROKES:
        raise RefusedError(400, f"a drawing has no lines, or more than {MOST_STROKES}")
    if not all(isinstance(stroke, list) and stroke for stroke in drawing):
        raise RefusedError(400, "a line has no points")
    if sum(map(len, drawing)) > MOST_POINTS:
        raise RefusedError(400, f"a drawing has more than {MOST_POINTS} points")
    return [[_point(point) for point in stroke] for stroke in drawing]


def _point(point: Json) -> tuple[float, float]:
    if not isinstance(point, list) or len(point) != 2 or any(type(value) not in (int, float) for value in point):
        raise RefusedError(400, "a point is no pair of numbers")
    try:
        x, y = float(point[0]), float(point[1])
    except OverflowError as error:
        raise RefusedError(400, "a point lies nowhere") from error
    if not (math.isfinite(x) and math.isfinite(y)):
        raise RefusedError(400, "a point lies nowhere")
    return min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)
