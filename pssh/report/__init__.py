"""How a run is shown: tables, blocks, lines, JSON, progress and the last lines; only here do bytes become text."""
