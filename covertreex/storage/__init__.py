"""Trees as files: `container` is the format, `trees` what of a tree is stored in it."""
