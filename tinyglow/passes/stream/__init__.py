"""A network over a whole sequence becomes one that takes a few of its elements at a time."""
