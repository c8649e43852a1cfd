"""The demo: an installation of its own from generated usage to reconciled charges."""
