"""Makes a data set's definition from its files: from their names and contents, with guesses marked as such."""
