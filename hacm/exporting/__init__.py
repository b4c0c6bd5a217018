"""Models for other runtimes and for other people's collections: ONNX, torch.export, and the layout of Hugging Face."""
