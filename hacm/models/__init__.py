"""Models to use: a trained encoder with its head and all that it takes to apply both to anybody's recording."""
