"""One module a command: `add_options(parser)` and `run(options) -> exit status`."""
