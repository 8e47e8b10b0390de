"""The builder: runs in the vendor's CI, turns a Kubefile into a .run."""
