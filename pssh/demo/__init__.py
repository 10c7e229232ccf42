"""A fleet of SSH hosts on this machine, to try every command on and to test against."""
