"""What is observed on hosts."""
