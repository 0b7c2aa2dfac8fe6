"""Makers of operators: one function adds nodes that read a given value. Adding a file adds to them."""
