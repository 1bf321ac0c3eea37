"""The end of an account: asked for, put off for some days, and then carried out everywhere, backups included."""
