"""Profiles, and the quantizer that turns a float graph into an integer one."""
