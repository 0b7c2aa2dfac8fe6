"""Copies: the same elements in other places."""
