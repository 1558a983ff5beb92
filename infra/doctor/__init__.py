"""The doctor: checks of a deployed stage, or of a template, for known causes of outages."""
