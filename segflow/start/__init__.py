"""The first project: looks at what somebody has, proposes a catalog, writes files that work on it."""
