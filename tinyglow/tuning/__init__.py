"""Tuning a quantization on labelled samples: ranges one by one, as Glow's model-tuner does, and searches beyond it."""
