"""Says when something is wrong, once, and once when it is over. Rules and memory are pure."""
