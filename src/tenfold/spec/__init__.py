"""``tenfold.toml``: read, checked and explained (AppSpec), and guessed from a project (detect)."""
