"""The command lines of Glow's own tools: their options, how they may be written, and what each of them means here."""
