"""File operations on this machine, as a program of our own: nothing is imported here but the standard library."""
