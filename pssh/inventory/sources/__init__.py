"""One module per inventory format: `load(path)` returns a Document, whatever the format."""
