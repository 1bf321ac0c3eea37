"""Who did what to whom, when and from where: written with the change itself, chained, and never changed again."""
