"""How often somebody may guess at a secret of somebody whom they already seem to be."""
