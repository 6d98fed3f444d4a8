"""Spark, by way of Spark Connect."""
