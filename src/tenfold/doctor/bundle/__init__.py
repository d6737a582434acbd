"""A support bundle: what somebody needs who helps, without what nobody else may know."""
