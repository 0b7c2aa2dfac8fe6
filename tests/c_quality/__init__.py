"""The runtime's C under static analysers: what they find, and the rules of MISRA C:2012 that it deviates from."""
