"""The one place that prints: stdout is data (tables, JSON, CSV), stderr is talk (errors, notes, progress)."""
