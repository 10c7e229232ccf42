"""Maintenance jobs: their files, the times they are due at, the record of what was decided, and the loop."""
