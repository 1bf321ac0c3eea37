"""People: who they are, whether they may come in, how they like dates and language."""
