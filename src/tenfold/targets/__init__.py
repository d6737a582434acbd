"""How hosts and their agents are reached."""
