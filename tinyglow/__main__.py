"""``python -m tinyglow``."""

import sys

from tinyglow.cli import program

sys.exit(program())
