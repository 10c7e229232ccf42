"""Files and folders to and from hosts: what must move is decided from two listings; moving it is the way's affair."""
