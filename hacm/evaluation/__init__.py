"""What the protocols share: the task they are given, frozen features, fine-tuning, the outcome they hand back."""
