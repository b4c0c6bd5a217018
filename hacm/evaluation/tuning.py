"""Fine-tuning (hacm.md §6): a copy of the encoder and a new head, trained together on labelled clips.

The encoder sees all tokens, nothing is masked. Every draw is a function of the seed and the step: equal seeds give
equal scores, whatever was drawn before. The result is the last epoch's; nothing is chosen on the test clips.

Shapes: N clips of a batch, B sequences, T frames, V joints, C coordinates, S segments, J token joints, L = S·J tokens,
D width, F = J·D features of a clip, K classes.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hacm.clips.augment import Batch, sample_batch, seeded
from hacm.clips.ragged import send
from hacm.errors import NotFinite, SettingsError
from hacm.evaluation import metrics
from hacm.evaluation.features import BATCH, Encodes, mean_over_bodies
from hacm.evaluation.probe import blank_linear
from hacm.evaluation.result import Result
from hacm.evaluation.task import Task
from hacm.model.transformer import Encoder
from hacm.settings import TuningSettings
from hacm.training.optimisers import parameter_groups
from hacm.training.schedules import warmup_cosine


class Head(nn.Module):
    """Dropout, mean over segments, mean over bodies, linear to `hidden`, batch normalisation, ReLU, linear to scores.

    Linear weights are Xavier-uniform, drawn from the generator, biases 0.
    """

    def __init__(self, features: int, classes: int, recipe: TuningSettings, generator: torch.Generator) -> None:
        super().__init__()
        self.dropout = recipe.dropout
        self.expand = _linear(features, recipe.hidden, generator)
        self.norm = nn.BatchNorm1d(recipe.hidden)
        self.contract = _linear(recipe.hidden, classes, generator)

    def forward(
        self, features_BSJD: Tensor, clip_B: Tensor, clips: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Scores (N, K) of `clips` clips.

        clip_B: the clip of each sequence. generator: on the features' device, needed in training, where dropout draws
        from it.
        """
        if self.training and self.dropout > 0:
            kept_BSJD = torch.empty_like(features_BSJD).bernoulli_(1 - self.dropout, generator=generator)
            features_BSJD = features_BSJD * kept_BSJD / (1 - self.dropout)
        pooled_NF = mean_over_bodies(features_BSJD.mean(1).flatten(1), clip_B, clips)
        return self.contract(torch.relu(self.norm(self.expand(pooled_NF))))


def _linear(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    linear = blank_linear(inputs, outputs)
    nn.init.xavier_uniform_(linear.weight, generator=generator)
    nn.init.zeros_(linear.bias)
    return linear


def drop_rates(blocks: int, most: float) -> list[float]:
    """How often each block's residual branches are left out: from 0 at the first linearly to `most` at the last."""
    return [most * block / max(1, blocks - 1) for block in range(blocks)]


def add_branch(x_BLD: Tensor, branch: Callable[[Tensor], Tensor], rate: float, generator: torch.Generator) -> Tensor:
    """x + branch(x) with stochastic depth: each sequence leaves its branch out with probability `rate`.

    Otherwise the branch is scaled by 1 / (1 − rate), so that the expectation is the plain sum. What is left out is not
    computed either. generator: on the CPU, so that the device is not waited for.
    """
    if rate == 0:
        return x_BLD + branch(x_BLD)
    kept_B = (torch.rand(len(x_BLD), generator=generator) >= rate).nonzero()[:, 0]
    if len(kept_B) == 0:
        return x_BLD
    index_B = send(kept_B, x_BLD.device)
    return x_BLD.index_add(0, index_B, branch(x_BLD.index_select(0, index_B)), alpha=1 / (1 - rate))


def encode(encoder: Encoder, x_BTVC: Tensor, most: float, generator: torch.Generator) -> Tensor:
    """What the encoder's own forward does, with stochastic depth up to the rate `most`; (B, S, J, D)."""
    embedded_BSJD = encoder.embed(x_BTVC)
    x_BLD = encoder.space.expmap0(embedded_BSJD.flatten(1, 2)).point
    for block, rate in zip(encoder.blocks, drop_rates(len(encoder.blocks), most), strict=True):
        x_BLD = add_branch(x_BLD, partial(_attend, block), rate, generator)
        x_BLD = add_branch(x_BLD, partial(_transform, block), rate, generator)
    return encoder.norm(x_BLD).unflatten(1, embedded_BSJD.shape[1:3])


def _attend(block: Any, x_BLD: Tensor) -> Tensor:
    """A block's first residual branch."""
    attended_BLD: Tensor = block.attention(block.norm1(x_BLD))
    return attended_BLD


def _transform(block: Any, x_BLD: Tensor) -> Tensor:
    """A block's second residual branch."""
    transformed_BLD: Tensor = block.mlp(block.norm2(x_BLD))
    return transformed_BLD


class Classifier(nn.Module):
    """A copy of a model's encoder with a head of its own; the model is left as it is."""

    def __init__(self, model: Encodes, classes: int, recipe: TuningSettings, seed: int) -> None:
        super().__init__()
        self.drop_path = recipe.drop_path
        self.encoder = deepcopy(model.encoder).requires_grad_(True)
        self.head = Head(
            len(model.encoder.token_joints) * model.model_settings.dim, classes, recipe, seeded(seed, "head", 0)
        )

    def forward(self, batch: Batch, clips: int, seed: int = 0, step: int = 0) -> Tensor:
        """Scores (N, K) of a batch of `clips` clips; what training draws is a function of seed and step."""
        if not self.training:
            return self.head(self.encoder(batch.x_BTVC), batch.clip_B, clips)
        features_BSJD = encode(self.encoder, batch.x_BTVC, self.drop_path, seeded(seed, "depth", step))
        chance = seeded(seed, "dropout", step, features_BSJD.device)
        return self.head(features_BSJD, batch.clip_B, clips, chance)


def layer_of(name: str, blocks: int) -> int:
    """The layer of a classifier's parameter: embeddings 0, block i layer i + 1, the final norm and the head last."""
    part, *path = name.split(".")
    if part == "head" or path[0] == "norm":
        return blocks + 1
    return int(path[1]) + 1 if path[0] == "blocks" else 0


def layer_groups(classifier: Classifier, recipe: TuningSettings) -> list[dict[str, Any]]:
    """The optimiser's groups by layer and weight decay.

    Each has its share of the learning rate, `scale`: layer_decay to the power of the number of layers after it.
    """
    blocks = len(classifier.encoder.blocks)
    layer = {id(parameter): layer_of(name, blocks) for name, parameter in classifier.named_parameters()}
    groups = []
    for group in parameter_groups(classifier, recipe.weight_decay):
        for number in range(blocks + 2):
            params = [parameter for parameter in group["params"] if layer[id(parameter)] == number]
            if params:
                groups.append(group | {"params": params, "scale": recipe.layer_decay ** (blocks + 1 - number)})
    return groups


@dataclass(frozen=True)
class Length:
    """How long training on so many clips is: steps of `batch` clips; a last partial batch of an epoch is left out."""

    batch: int
    steps_per_epoch: int
    epochs: int

    @property
    def steps(self) -> int:
        """All of them."""
        return self.epochs * self.steps_per_epoch


def length(clips: int, recipe: TuningSettings, least_steps: int = 1) -> Length:
    """So few clips that recipe.epochs would be fewer than least_steps steps are gone over more often."""
    batch = min(recipe.batch, clips)
    steps_per_epoch = clips // batch
    return Length(batch, steps_per_epoch, max(recipe.epochs, -(-least_steps // steps_per_epoch)))


class Tuning:
    """A classifier in training on the clips `index_N` of a task; `run` trains it, `score` evaluates with it.

    least_steps: see `length`; the schedule is stretched over all steps. SettingsError with fewer than two clips.
    """

    def __init__(
        self,
        model: Encodes,
        task: Task,
        index_N: Tensor,
        recipe: TuningSettings,
        seed: int,
        device: str,
        least_steps: int = 1,
    ) -> None:
        if len(index_N) < 2:
            raise SettingsError(f"fine-tuning needs at least two labelled clips, not {len(index_N)}")
        self.task, self.index_N, self.recipe, self.seed = task, index_N, recipe, seed
        self.frames = model.model_settings.frames
        self.device = torch.device(device)
        self.length = length(len(index_N), recipe, least_steps)
        self.classifier = Classifier(model, task.classes, recipe, seed).to(self.device)
        self.optimiser = torch.optim.AdamW(
            layer_groups(self.classifier, recipe), betas=(recipe.beta1, recipe.beta2), fused=True
        )

    def run(self) -> Iterator[int]:
        """Train; the number of epochs that are done, after each."""
        batch, steps_per_epoch = self.length.batch, self.length.steps_per_epoch
        for epoch in range(self.length.epochs):
            self.classifier.train()
            order_N = self.index_N[torch.randperm(len(self.index_N), generator=seeded(self.seed, "order", epoch))]
            for place in range(steps_per_epoch):
                self.advance(epoch * steps_per_epoch + place, order_N[place * batch : (place + 1) * batch])
            yield epoch + 1

    def advance(self, step: int, part_N: Tensor) -> None:
        """One step (from 0) on these clips; the device is not waited for."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate(step) * group["scale"]
        batch = self.sample(part_N, seeded(self.seed, "views", step))
        label_N = send(self.task.clips.label_N[part_N], self.device)
        scores_NK = self.classifier(batch, len(part_N), self.seed, step)
        loss = nn.functional.cross_entropy(scores_NK, label_N, label_smoothing=self.recipe.label_smoothing)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()

    def learning_rate(self, step: int) -> float:
        """The last layer's at a step: the recipe's schedule, stretched over all steps."""
        recipe = self.recipe
        epoch = recipe.epochs * step / self.length.steps
        return warmup_cosine(
            epoch, epochs=recipe.epochs, warmup_epochs=recipe.warmup_epochs, lr=recipe.lr, min_lr=recipe.min_lr
        )

    def sample(self, part_N: Tensor, generator: torch.Generator | None = None) -> Batch:
        """The clips as sequences on the device: random views with a generator, the centre crop without."""
        return sample_batch(
            self.task.clips,
            part_N,
            self.task.augment,
            self.frames,
            training=generator is not None,
            absent_bodies=self.recipe.absent_bodies,
            generator=generator,
            device=self.device,
        )

    @torch.inference_mode()
    def score(self, index_N: Tensor) -> NDArray[np.float32]:
        """Class scores (N, K) of centre-cropped clips. NotFinite if training has run away."""
        self.classifier.eval()
        parts = [self.classifier(self.sample(part_N), len(part_N)) for part_N in index_N.split(BATCH)]
        scores_NK: NDArray[np.float32] = torch.cat(parts).cpu().numpy()
        if not np.isfinite(scores_NK).all():
            raise NotFinite("fine-tuning ended with scores that are not finite; lower lr")
        return scores_NK


def tune(
    model: Encodes,
    task: Task,
    recipe: TuningSettings,
    seed: int,
    device: str,
    on_epoch: Callable[[float], None] | None = None,
    *,
    best_epoch: bool = False,
) -> Result:
    """Fine-tune on all training clips, score the centre-cropped test clips after the last epoch.

    best_epoch: score them after every epoch as well and hand back the best of those accuracies, which is chosen on the
    test clips, as `best_epoch_as_released_top1`. on_epoch: called with the number of epochs done.
    """
    tuning = Tuning(model, task, task.train_index, recipe, seed, device)
    target_N = task.clips.label_N[task.test_index].numpy()
    best = 0.0
    for epoch in tuning.run():
        if best_epoch:
            scores_NK = tuning.score(task.test_index)
            best = max(best, float(metrics.top_k(scores_NK, target_N, 1).mean()))
        if on_epoch is not None:
            on_epoch(epoch)
    if not best_epoch:
        scores_NK = tuning.score(task.test_index)
    return Result(
        scores_NK,
        target_N,
        extra={"best_epoch_as_released_top1": best} if best_epoch else {},
        head=tuning.classifier.state_dict(),
    )
