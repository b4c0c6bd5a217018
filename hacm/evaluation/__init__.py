"""What the protocols share: the task they are given, frozen features, the outcome they hand back."""
