"""Sums, largest elements and their places over dimensions."""
