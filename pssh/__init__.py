"""Run commands, scripts and file operations on a whole fleet over SSH, in parallel."""
