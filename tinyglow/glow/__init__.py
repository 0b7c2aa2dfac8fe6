"""The passes of Glow's optimizer, in its order and under its conditions: what ``--graph=glow`` runs.

Each module has those of one topic, named as in Glow; ``pipeline`` has their order. Facts from pytorch/glow,
lib/Optimizer; nothing is copied.
"""
