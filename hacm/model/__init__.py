"""The network: geometry, tokens, masking, Transformer, losses."""
