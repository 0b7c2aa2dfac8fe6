"""Maximum and mean over windows."""
