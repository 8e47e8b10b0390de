"""`python -m bundler.builder` is `bundler`."""

from bundler.builder.cli.app import main

main()
