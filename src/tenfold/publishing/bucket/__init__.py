"""A bucket of any S3-compatible server that serves a site."""
