"""What runs on a schedule: the sweep, redrives and the dead letter monitor."""
