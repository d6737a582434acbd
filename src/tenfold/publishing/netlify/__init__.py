"""Netlify, by its API: a deploy is a list of digests, and is served once every content is there."""
