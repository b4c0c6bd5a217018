"""The files of a result, paired tests, and the machine it was computed on."""
