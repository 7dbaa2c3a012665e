"""File formats of vocabularies and learned tokens: one file a format, read and write, nothing else."""
