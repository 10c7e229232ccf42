"""Files and folders on the hosts, and on this machine: what there is, and what is done with it."""
