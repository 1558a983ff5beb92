"""Measurements of the service: exact counts, ratios within one run, and slopes, never bare times.

Each module measures one thing and returns rows for one table. `make bench` runs them all.
"""
