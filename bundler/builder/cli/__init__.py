"""The command line of `bundler`: options, commands, progress, errors."""
