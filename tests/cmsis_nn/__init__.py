"""CMSIS-NN's unit-test data through our kernels."""
