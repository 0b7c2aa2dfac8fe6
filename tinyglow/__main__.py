"""``python -m tinyglow``."""

import sys

from tinyglow.cli import main

sys.exit(main())
