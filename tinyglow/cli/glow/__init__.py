"""The command lines of Glow's own tools: their options, their spellings, what each of them means here."""
