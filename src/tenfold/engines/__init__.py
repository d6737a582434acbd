"""Real components that Tenfold wires: how to render their files, ask their state, order them."""
