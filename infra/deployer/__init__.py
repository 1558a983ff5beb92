"""The app deployed with Chalice. Only this package uses the private classes of Chalice 1.34."""
