"""``python -m tinyglow.dev``: sets up an environment, then runs a command in it."""

import sys

if sys.version_info < (3, 10):  # noqa: UP036 - nothing has checked yet
    found = ".".join(map(str, sys.version_info[:3]))
    sys.exit(f"error: tinyglow needs Python 3.10 or newer, {sys.executable} is {found}")

from tinyglow.dev.commands import main

sys.exit(main(sys.argv[1:]))
