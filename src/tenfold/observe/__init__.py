"""What running apps say of themselves, condensed for people."""
