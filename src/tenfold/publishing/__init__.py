"""A folder of static files, published: to a branch by git, to Netlify, a bucket, or over SSH.

What is there and what shall be there are manifests; what travels is their difference. Pure code
decides that and in which order; one small module per kind of place carries it out.
"""
