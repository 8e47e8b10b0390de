"""What a Kubefile asks for, as values."""
