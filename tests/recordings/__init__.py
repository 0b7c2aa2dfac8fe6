"""Small recordings of the real Glow compiler, one or more of each kind of network that it treats in a way of its own.

Each folder has the network, the profile that Glow made of it, and for one or two configurations what Glow's compiler
made of that: ``facts.json``, ``graph.json`` and ``io.npz`` (see docs/exactly-glow.md). All weights are random.

``outcomes.json`` says how far tinyglow agrees with each. ``python -m tests.recordings`` writes it; it does not write
anything worse than what is there, unless it is called with ``--worse``.
"""
