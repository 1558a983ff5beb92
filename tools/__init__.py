"""Development scripts. Nothing that runs on AWS or on the local stage imports them."""
