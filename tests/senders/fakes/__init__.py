"""Providers on loopback that check every request as the provider documents it."""
