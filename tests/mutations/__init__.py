"""Damaged models and profiles: whatever a file holds, reading it ends in a graph or in a refusal."""
