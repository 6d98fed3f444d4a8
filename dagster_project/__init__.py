"""The Dagster side of segflow: definitions only. The engine decides, Dagster shows, schedules and starts."""
