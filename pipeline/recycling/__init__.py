"""Records in suspense: what would become of them now, worked out beside the stream."""
