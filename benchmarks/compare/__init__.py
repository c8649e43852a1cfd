"""The same rating in other stream processors, beside ours in the same run; see README.md."""
