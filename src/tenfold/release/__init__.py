"""Releases: immutable copies of the app's files with the environment that they ran in."""
