"""Graph to program: kernel calls over buffers, and the buffers' addresses."""
