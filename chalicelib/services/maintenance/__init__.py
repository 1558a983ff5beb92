"""Scheduled work: the sweep, redrives and the dead letter monitor."""
