"""The command line: arguments in, exit status out (0 well, 1 a difference was found, 2 an error, 130 interrupted)."""

from __future__ import annotations

import gc
import sys
from argparse import Namespace
from collections.abc import Sequence

from tinyglow.cli import versions
from tinyglow.cli.inputs import named_twice
from tinyglow.cli.parser import build_parser
from tinyglow.cli.streams import unbreakable_streams
from tinyglow.errors import Problem, TinyglowError, reason
from tinyglow.resources import keeping

# New objects between two looks for unused cycles. Imports alone make a hundred thousand, which all stay: with Python's
# own number a short command spends a tenth of its time on them.
_OBJECTS = 500_000


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. Errors go to stderr, without a traceback unless --debug is given."""
    given = list(sys.argv[1:] if argv is None else argv)
    gc.set_threshold(_OBJECTS)
    parser = build_parser(next((word for word in given if not word.startswith("-")), ""))
    with unbreakable_streams(), keeping(named_twice(given)):
        if versions.is_asked_for(given):
            versions.print_versions()
            return 0
        arguments = parser.parse_args(given)
        # Commands with a spelling of their own find their options themselves.
        if arguments.debug or {"-debug", "--debug"} & set(getattr(arguments, "rest", ())):
            return int(arguments.run(arguments))
        return _run(arguments)


def program() -> int:
    """``main`` of a process that ends with it."""
    status = main()
    gc.freeze()  # at its end Python looks for unused cycles among all objects, for a sixth of a short command's time
    return status


def _run(arguments: Namespace) -> int:
    try:
        status = int(arguments.run(arguments))
        sys.stdout.flush()  # what goes wrong here would else go wrong at exit, where nobody handles it
        return status
    except TinyglowError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except MemoryError:
        print("error: out of memory", file=sys.stderr)
        return 2
    except OSError as error:  # a full disk under a temporary file, or behind stdout
        print(f"error: {Problem(str(error.filename or ''), reason(error))}", file=sys.stderr)
        return 2
    except Exception as error:
        print(f"error: internal error, please report it (--debug shows more): {error!r}", file=sys.stderr)
        return 2
