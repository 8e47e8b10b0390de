"""`python -m bundler.builder` is `bundler`."""

from bundler.builder.cli import main

main()
