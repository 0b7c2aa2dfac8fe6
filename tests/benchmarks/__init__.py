"""Benchmarks: cycles, flash, RAM and stack, against recorded figures."""
