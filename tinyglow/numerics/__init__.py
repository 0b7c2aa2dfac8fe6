"""What integers and floats mean: the only rounding code in Python."""
