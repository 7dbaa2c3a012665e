"""The environment of the peers: their own, so that no version of theirs decides about ours. See `benchmarks/BIAS.md`."""

from __future__ import annotations

import json
import subprocess
import sys

from benchmarks.data import ROOT

FOLDER = ROOT / "build" / "bench-venv"
PYTHON = FOLDER / "bin" / "python"
TRIED = FOLDER / "tried.json"
PEERS = (
    "tiktoken", "tokenizers", "regex", "rustbpe", "gigabpe", "gigatoken", "ffbpe", "bpe-continue", "fastokens", "quicktok-v1",
    "sentencepiece",
)  # fmt: skip


def set_up(*, again: bool = False) -> dict[str, str]:
    """Return the version of each peer that can be had, "" for the others; installs them once."""
    if TRIED.exists() and not again:
        tried = json.loads(TRIED.read_text())
        if sorted(tried) == sorted(PEERS):
            return {peer: tried[peer] for peer in PEERS}
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", FOLDER], check=True)
    versions = {}
    for peer in PEERS:
        print(f"installing {peer} into {FOLDER.relative_to(ROOT)}", file=sys.stderr)
        # Wheels only: no compiler is asked for, and a peer that has none for this machine is said not to be had.
        install = [
            str(PYTHON),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--only-binary",
            ":all:",
            peer,
        ]
        installed = subprocess.run(
            [*install, *(["--upgrade"] if again else [])], capture_output=True, text=True, check=False
        )
        versions[peer] = _version(peer) if installed.returncode == 0 else ""
    TRIED.write_text(json.dumps(versions, indent=1))
    return versions


def _version(peer: str) -> str:
    ask = f"import importlib.metadata as m; print(m.version({peer!r}))"
    return subprocess.run([PYTHON, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
