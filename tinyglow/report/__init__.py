"""Results as tables, texts and pictures for people."""
