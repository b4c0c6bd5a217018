"""HA-CM: hierarchy and attention guided cross-masking. Tensors in, tensors out."""
