"""Providers as strict servers on loopback: each checks every request as its provider documents it, refuses what that
would refuse (unknown fields, wrong types, limits, missing keys), and signs what it calls back."""
