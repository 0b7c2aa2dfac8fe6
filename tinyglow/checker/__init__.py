"""An independent checker of the proof in a bundle: it shares no code with the compiler but the format of its files."""
