"""Instructions → an immutable Tree with its contents in the store, plus what else the bundle is told."""
