"""What people use instead, each in the fastest form found that gives the right values."""
