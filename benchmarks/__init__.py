"""`pssh run` beside its peers, on loopback hosts, in one run: `make bench`."""
