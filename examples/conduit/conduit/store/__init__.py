"""Every statement that the app sends to its database, by subject."""
