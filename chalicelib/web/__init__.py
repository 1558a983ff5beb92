"""The pages for people: the dashboard and the reference of the API, their scripts, style and headers."""
