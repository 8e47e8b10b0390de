"""Instructions → an immutable Tree with its contents in the store, plus the bundle's other properties."""
