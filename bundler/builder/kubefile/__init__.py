"""The Kubefile language: text → frozen instructions, and what is wrong with them (docs/kubefile.md)."""
