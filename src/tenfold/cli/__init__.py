"""The command line: one module per command, and the sole home of print, prompt and exit."""
