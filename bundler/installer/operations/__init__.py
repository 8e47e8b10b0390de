"""What the installer does for a person: apply, plan, delete."""
