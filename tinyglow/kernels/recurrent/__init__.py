"""Layers with a memory."""
