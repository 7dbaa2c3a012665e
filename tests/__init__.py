"""Tests of tokkit; a package only so that they can share `tests.hostile`."""
