"""Makers of operators: each is a function that adds nodes which read a given value. Adding a file adds to them."""
