"""DuckDB, the embedded default: the one wing that imports it."""
