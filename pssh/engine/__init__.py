"""What bounds and places the work: jobs go in, events come out, and every job ends in exactly one result."""
