"""What stops a run before it starts, or makes it worth nothing."""


class Problem(Exception):
    """A message for whoever runs it; it ends with what to do."""


class NeverBit(Exception):
    """A fault that did not hit anything at work: the run proves nothing."""
