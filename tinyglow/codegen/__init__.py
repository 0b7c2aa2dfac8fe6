"""What turns constants into something other than an array: weights as instructions, weights as a stream of bits."""
