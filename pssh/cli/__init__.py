"""The command line: the only place that knows click, the terminal's options and our exit codes."""
