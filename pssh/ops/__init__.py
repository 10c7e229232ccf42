"""Operations: what may be done on one host, as values that say it with a session's `exec` and know no transport."""
