"""Where the benchmark finds its sources and keeps what it makes. Nothing outside these folders is written."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REFERENCES = ROOT / "bench" / "references"
REPORTS = ROOT / "bench" / "reports"
DIRECTORY = ROOT / ".data" / "bench"
"""Servers, databases, logs, packages and checkouts of the benchmark; ignored by git and kept between runs."""
