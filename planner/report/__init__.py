"""What was found, for people and machines: screen, sheets, JSON."""
