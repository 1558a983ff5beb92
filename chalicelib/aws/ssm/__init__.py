"""What a stage keeps in SSM: its keys, its addresses and the owners' secrets."""
