"""Benchmarks: every time as a ratio to this book's own, taken in the same run."""
