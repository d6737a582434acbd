"""What is said to a running app: where everything is, and how to talk to its workers.

Copied into the app's process together with :mod:`tenfold.runtime`: standard library only, and only
relative imports.
"""
