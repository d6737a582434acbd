"""The checks, one module per subject: pure functions from facts to what they see in them."""
