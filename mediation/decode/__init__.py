"""From the bytes of a source to items that name the same things whatever the format."""
