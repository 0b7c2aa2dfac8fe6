"""The oracle: random networks, and those at hand, compiled pass by pass beside what they mean in real numbers."""

from __future__ import annotations

from tinyglow.testing.oracle.check import Finding, Form, check
from tinyglow.testing.oracle.sweep import check_seed, form_of

__all__ = ["Finding", "Form", "check", "check_seed", "form_of"]
