"""The demonstration: a network, digit images drawn here, and two boards."""
