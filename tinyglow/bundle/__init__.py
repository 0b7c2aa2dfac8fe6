"""C bundles: writing them, reading them, and where they are from."""
