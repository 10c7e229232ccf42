"""Keep a folder the same: what is here and what is there, what must be done, and doing it."""
