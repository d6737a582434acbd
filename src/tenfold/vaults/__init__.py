"""Where values are kept elsewhere: 1Password, Vault, AWS Secrets Manager, by their own programs."""
