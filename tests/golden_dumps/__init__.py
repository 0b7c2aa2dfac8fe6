"""What three small networks look like after each station."""
