"""Work on tinyglow itself: ``python -m tinyglow.dev COMMAND`` in a checkout, on any system, with Python alone.

Everything here runs before anything is installed, so it imports the standard library only, and of tinyglow nothing.
It is no part of the installed package.
"""
