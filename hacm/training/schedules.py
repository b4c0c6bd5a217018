"""Learning-rate schedules: pure functions of how far training is (hacm.md §6)."""

import math


def warmup_cosine(epoch: float, *, epochs: float, warmup_epochs: float, lr: float, min_lr: float) -> float:
    """The learning rate at a fractional epoch, as the masked-autoencoder family sets it before every step.

    Linear from 0 during warm-up, lr·e/w; then half a cosine from lr down to min_lr,
    min_lr + (lr − min_lr)·½(1 + cos(π(e − w)/(E − w))).
    """
    if epoch < warmup_epochs:
        return lr * epoch / warmup_epochs
    progress = (epoch - warmup_epochs) / (epochs - warmup_epochs)
    return min_lr + (lr - min_lr) * 0.5 * (1 + math.cos(math.pi * progress))
