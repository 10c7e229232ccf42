"""The page: a run as one HTML file that stands alone, for people who were not there."""
