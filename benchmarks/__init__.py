"""Measurements of the service: counts that are exact, ratios inside one run, slopes; never bare times.

Each module measures one thing and answers rows for one table. `make bench` runs them all.
"""
