"""Running totals per rating key, charge limits on what is unbilled, and the close of a period."""
