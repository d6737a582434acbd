"""What Tenfold keeps beside the app, in ``.tenfold/``: layout, lock, secrets."""
