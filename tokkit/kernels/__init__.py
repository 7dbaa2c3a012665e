"""Numba kernels: arrays in, arrays out, allocated by the caller; no strings, no files, no Python objects."""
