"""The oracle: compare random networks, and given ones, with what they mean in real numbers, pass by pass."""

from __future__ import annotations

from tinyglow.testing.oracle.check import check
from tinyglow.testing.oracle.stations import Finding, Form
from tinyglow.testing.oracle.sweep import check_seed, form_of

__all__ = ["Finding", "Form", "check", "check_seed", "form_of"]
