"""What graphs, programs, operators and kernels are made of."""
