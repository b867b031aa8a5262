"""gapless, through its public names."""
