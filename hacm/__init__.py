"""HA-CM: hierarchy and attention guided cross-masking. Tensors in, tensors out."""

__version__ = "0.1.0"
