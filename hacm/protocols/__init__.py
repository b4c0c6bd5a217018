"""Ways to judge an encoder, one file a protocol."""
