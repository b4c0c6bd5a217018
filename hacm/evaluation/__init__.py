"""What the protocols share: the task they are given, frozen features, fine-tuning, the result they hand back."""
