"""What became of earlier runs: kept on disk before it is shown, and read back as it was."""
