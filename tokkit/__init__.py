"""Build a tokenizer vocabulary from a proven base and your own corpus, and prove that it is right."""

__version__ = "0.1.0"
TOOL = f"tokkit {__version__}"
