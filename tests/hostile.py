"""Texts that break tokenizers, by name; several test files run over all of them."""

from __future__ import annotations

from tokkit.conformance_hostile import HOSTILE

__all__ = ["HOSTILE"]
