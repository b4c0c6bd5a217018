"""The published results, under version control, and the tables of the docs that are made of them."""
