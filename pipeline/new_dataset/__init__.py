"""A data set's definition from a look at its files: what they are called, what they hold, and what is guessed of it."""
