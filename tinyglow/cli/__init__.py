"""The command line: arguments in, exit status out (0 well, 1 a difference was found, 2 an error, 130 interrupted)."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from tinyglow.cli.parser import build_parser
from tinyglow.errors import TinyglowError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. Errors go to stderr, without a traceback unless --debug is given."""
    parser = build_parser()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names may hold what a terminal cannot show
    arguments = parser.parse_args(argv)
    # Commands with a spelling of their own find their options themselves.
    if arguments.debug or {"-debug", "--debug"} & set(getattr(arguments, "rest", ())):
        return int(arguments.run(arguments))
    try:
        status = int(arguments.run(arguments))
        sys.stdout.flush()  # what goes wrong here would else go wrong at exit, where nobody handles it
        return status
    except TinyglowError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader (head, less) has seen enough; what Python would flush at exit has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except MemoryError:
        print("error: out of memory", file=sys.stderr)
        return 2
    except OSError as error:  # a full disk under a temporary file, or behind stdout
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Exception as error:
        print(f"error: internal error, please report it (--debug shows more): {error!r}", file=sys.stderr)
        return 2
