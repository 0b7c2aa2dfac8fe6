"""Several networks in one firmware: programs and bundles into one folder, with one buffer for their activations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyglow.bundle.emit import bundle_files
from tinyglow.bundle.header import BundleInfo, bundle_info, read_bundle
from tinyglow.bundle.manifest import MANIFEST, read_part, unchanged
from tinyglow.bundle.options import BundleOptions
from tinyglow.bundle.proof import proof_name
from tinyglow.bundle.provenance import record, was_written_here
from tinyglow.bundle.shared_arena import Bundle, SharedSizes, kernel_files, shared_files, shared_sizes
from tinyglow.bundle.write import write_files
from tinyglow.errors import BoardError, InputError, Problem, TinyglowError, reason
from tinyglow.ir.kernel import Kernel
from tinyglow.ir.program import Program
from tinyglow.pipeline.stations import allocation_efficiency, target_of
from tinyglow.registry import KERNELS, WITH_EPILOGUES
from tinyglow.targets.boards import Board
from tinyglow.targets.memory_map import memory_map


@dataclass(frozen=True)
class SharedArena:
    """What was written.

    Attributes:
        project: What the networks are called together.
        infos: Their headers, in the table's order.
        sizes: What they take together.
        kernels: For each network, the bytes of source of its kernels' C files by name.
        files: Every file's content by name.
        notes: What the user should know of bundles that were compiled for another core.
    """

    project: str
    infos: tuple[BundleInfo, ...]
    sizes: SharedSizes
    kernels: tuple[dict[str, bytes], ...]
    files: dict[str, bytes]
    notes: tuple[str, ...] = ()


def emit_shared(
    networks: Sequence[Program | str | Path],
    folder: str | Path,
    project: str = "networks",
    board: Board | None = None,
    options: BundleOptions | None = None,
) -> SharedArena:
    """Write several networks as one bundle of C: kernels once, one buffer for the activations, a table of networks.

    Args:
        networks: Programs that ``lower`` made, and folders of bundles that ``emit`` wrote, in the table's order.
        folder: Where to write it: a folder of its own.
        project: What the networks are called together in C: ``<project>.h`` is what an application includes.
        board: What they must fit together, if given, and whose core must have what their kernels need.
        options: How the programs' own headers look; bundles have theirs already.

    Returns:
        The files, the sizes, and notes for the user.

    Raises:
        InputError: Networks share a name, kernels differ between bundles, a folder holds no bundle or a changed one,
            or the folder cannot be written.
        BoardError: They do not fit the board, or need a core that it does not have.
    """
    bundles, ours = read_networks(networks, options)
    files = shared_files(project, bundles)
    infos = tuple(bundle.info for bundle in bundles)
    notes: list[str] = []
    if board is not None and not board.is_host:
        notes = check_core(bundles, board)
        _check_room(shared_sizes(infos), board)
    files = write_files(files, folder, ours)
    if ours:
        record(files[MANIFEST])
    kernels = tuple(kernel_files(bundle) for bundle in bundles)
    return SharedArena(project, infos, shared_sizes(infos), kernels, files, tuple(notes))


def read_networks(
    networks: Sequence[Program | str | Path], options: BundleOptions | None = None
) -> tuple[list[Bundle], bool]:
    """The networks, and whether all of them are from here. InputError with the problems of all folders."""
    found, problems, ours = [], [], True
    for network in networks:
        if isinstance(network, Program):
            files = bundle_files(network, allocation_efficiency(network), options=options)
            found.append(Bundle(bundle_info(network, options), files))
            continue
        try:
            bundle, manifest = _read(Path(network))
        except TinyglowError as error:
            problems += [_at(Path(network), problem) for problem in error.problems]
            continue
        found.append(bundle)
        ours = ours and was_written_here(manifest)
    if problems:
        raise InputError("not every network can be read", problems)
    return found, ours


def _at(folder: Path, problem: Problem) -> Problem:
    """A bundle's problem with the folder that it is of: there are several bundles."""
    where = problem.where if str(folder) in problem.where else f"{folder}: {problem.where}"
    return Problem(where, problem.found, problem.expected, problem.hint)


def _read(folder: Path) -> tuple[Bundle, bytes]:
    """A bundle that is as it was compiled, without its proof, which is one of its own files; and the list of them."""
    info = read_bundle(folder)
    listed = unchanged(folder, "the bundle cannot be read")
    try:
        names = sorted(listed.keys() - {proof_name(info.name)})
        return Bundle(info, {name: read_part(folder / name) for name in names}), read_part(folder / MANIFEST)
    except OSError as error:
        raise InputError("the bundle cannot be read", [Problem(str(folder), reason(error))]) from error


def _called(bundle: Bundle) -> Iterator[Kernel]:
    """The kernels that a bundle calls, of those with a file of their own."""
    for name in sorted(kernel_files(bundle)):
        kernel = KERNELS.get(name.removesuffix(".c")) or WITH_EPILOGUES.get(name.removesuffix(".c"))
        if kernel is not None:
            yield kernel


def check_core(bundles: Sequence[Bundle], board: Board) -> list[str]:
    """Notes on kernels for a lesser core than the board's; BoardError for those that need more than it has."""
    target = target_of(board)
    problems, notes = [], []
    for bundle in bundles:
        called = list(_called(bundle))
        lacking = [kernel for kernel in called if not kernel.needs <= target.features]
        if lacking:
            features = " and ".join(sorted(feature.name for feature in lacking[0].needs))
            found = f"calls {lacking[0].symbol}, which needs {features}"
            expected = f"kernels for the {board.core.title} of {board.name}"
            problems.append(Problem(bundle.info.name, found, expected, f"compile it with --board {board.name}"))
        elif not all(target.runs(kernel) for kernel in called):
            notes.append(f"{bundle.info.name} was compiled for a lesser core: --board {board.name} makes it faster")
    if problems:
        raise BoardError(f"the networks are not for the board {board.name}", problems)
    return notes


def _check_room(sizes: SharedSizes, board: Board) -> None:
    """Raises BoardError if the data alone exceed the board's memories; the code's size is known after linking."""
    problems = []
    if sizes.constant > board.code.size:
        found = f"the weights take {sizes.constant:,} bytes"
        problems.append(Problem(f"memory {board.code.name}", found, f"at most {board.code.size:,}"))
    try:
        memory_map(board, sizes.needs())
    except BoardError as error:
        problems += error.problems
    if problems:
        raise BoardError(f"the networks do not fit the board {board.name} together", problems)
