"""The story, told on the command line: python -m examples.payments."""
