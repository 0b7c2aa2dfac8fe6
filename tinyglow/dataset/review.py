"""The page on which samples are looked through: misshapen ones are removed, mistaken ones get another label."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from tinyglow.dataset.site import Json, RefusedError, Reply, Site, label_in, static_pages
from tinyglow.dataset.store import Sample, Store, samples_of
from tinyglow.images import image_bytes, read_pixels
from tinyglow.resources import read_bounded

PAGE = 120  # samples
MAX_FILE_BYTES = 2**20
_MAX_SIDE = 1024
_MOST_KEPT = 64 * 2**20  # bytes of removed samples, for undo

_Undo = Callable[[], object]


@dataclass
class Reviewer:
    """What the page asks for; ``store`` is looked through."""

    store: Store
    _undo: OrderedDict[str, tuple[int, list[_Undo]]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def site(self) -> Site:
        """The page and its requests."""
        return Site(
            static_pages("review") | {"/picture": self.picture},
            self.state,
            {"/samples": self.samples, "/move": self.move, "/remove": self.remove, "/undo": self.undo},
        )

    def state(self) -> dict[str, Json]:
        """What the page starts with."""
        return {"labels": list(self.store.labels), "counts": self.store.counts()}

    def samples(self, request: Json) -> dict[str, Json]:
        """The names of some samples of ``{"label": 3, "begin": 0}``, and how many there are in all."""
        label, begin = label_in(request, "label", self.store.labels), request.get("begin")
        if type(begin) is not int or begin < 0:
            raise RefusedError(400, "the beginning is not a number of 0 or more")
        found = samples_of(self.store.root, label)
        return {"names": [sample.path.name for sample in found[begin : begin + PAGE]], "total": len(found)}

    def picture(self, query: Mapping[str, str]) -> Reply:
        """A sample as PNG: ``label`` is the number of its class, ``name`` its file's."""
        number = query.get("label", "")
        if not (number.isascii() and number.isdigit() and len(number) < 4 and int(number) < len(self.store.labels)):
            raise RefusedError(404, "there is no such label")
        sample = self.store.sample(self.store.labels[int(number)], query.get("name", ""))
        if sample is None:
            raise RefusedError(404, "there is no such sample")
        if sample.path.stat().st_size > MAX_FILE_BYTES:
            raise RefusedError(413, f"the file has more than {MAX_FILE_BYTES:,} bytes")
        pixels = read_pixels(sample.path)
        if max(pixels.shape) > _MAX_SIDE:
            raise RefusedError(413, f"the picture is larger than {_MAX_SIDE} pixels")
        shown = pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)
        return Reply("image/png", image_bytes(shown, ".png"))

    def move(self, request: Json) -> dict[str, Json]:
        """Give the samples of ``{"label": 3, "names": [...], "to": 8}`` another label."""
        target = label_in(request, "to", self.store.labels)

        def move(sample: Sample) -> _Undo:
            moved = Sample(target, self.store.move(sample, target))
            return partial(self.store.move, moved, sample.label)

        return self._done(_all_or_none(move, self._named(request)), 0)

    def remove(self, request: Json) -> dict[str, Json]:
        """Remove the samples of ``{"label": 3, "names": [...]}``; they can be brought back until the program ends."""
        samples = self._named(request)
        sizes = [sample.path.stat().st_size for sample in samples]
        if max(sizes) > MAX_FILE_BYTES:
            raise RefusedError(413, f"a file has more than {MAX_FILE_BYTES:,} bytes: remove it by hand")

        def remove(sample: Sample) -> _Undo:
            data = read_bounded(sample.path, MAX_FILE_BYTES)
            self.store.remove(sample.path)
            return partial(self.store.restore, sample.path, data)

        return self._done(_all_or_none(remove, samples), sum(sizes))

    def undo(self, request: Json) -> dict[str, Json]:
        """Take back what the request with ``{"id": ...}`` did."""
        key = request.get("id") if isinstance(request, dict) else None
        with self._lock:
            _, steps = self._undo.pop(key, (0, None)) if isinstance(key, str) else (0, None)
        if steps is None:
            raise RefusedError(404, "this cannot be undone any more")
        failed = 0
        for step in steps:
            try:
                step()
            except (FileNotFoundError, FileExistsError):  # somebody else has done something to it
                failed += 1
        return {"changed": len(steps) - failed, "failed": failed, "counts": self.store.counts()}

    def _done(self, undo: list[_Undo], kept: int) -> dict[str, Json]:
        key = secrets.token_urlsafe(12)
        with self._lock:
            self._undo[key] = (kept, undo)
            while sum(size for size, _ in self._undo.values()) > _MOST_KEPT or len(self._undo) > 1000:
                self._undo.popitem(last=False)
        return {"id": key, "changed": len(undo), "counts": self.store.counts()}

    def _named(self, request: Json) -> Sequence[Sample]:
        """The samples that a request names, all of which must be there."""
        label, names = label_in(request, "label", self.store.labels), request.get("names")
        if not isinstance(names, list) or not 1 <= len(names) <= PAGE or not all(isinstance(n, str) for n in names):
            raise RefusedError(400, f"the samples are not a list of 1 to {PAGE} names")
        found = [self.store.sample(label, name) for name in dict.fromkeys(names)]
        samples = [sample for sample in found if sample is not None]
        if len(samples) < len(found):
            raise RefusedError(409, "a sample is there no more: load the page again")
        return samples


def _all_or_none(change: Callable[[Sample], _Undo], samples: Sequence[Sample]) -> list[_Undo]:
    """Change all samples, or none if one cannot be; how to take it back."""
    undo: list[_Undo] = []
    try:
        undo.extend(map(change, samples))
    except OSError:
        for step in undo:
            step()
        raise
    return undo
