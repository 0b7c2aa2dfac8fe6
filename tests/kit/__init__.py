"""Tests of the toolkit that tests kernels."""
