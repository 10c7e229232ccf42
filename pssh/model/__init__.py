"""The values everything else speaks in: frozen, of standard types, without any I/O."""
