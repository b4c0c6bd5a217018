"""The published results, under version control, and the docs' tables made from them."""
