"""Tests of a quantized kernel against the reference: questions, right answers, and what calls the kernel."""
