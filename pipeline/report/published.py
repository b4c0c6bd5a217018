"""Published figures, to be printed beside ours and never among them (hacm.md §7).

Top-1 in percent on the joint stream, as the methods' authors or the papers that compare with them report it. Nothing
here was measured by this project.
"""

from dataclasses import dataclass

LABEL = "published, not measured here"

SOURCES = {
    "HA-CM": "Yin & Cao, Spatial Hierarchy and Temporal Attention Guided Cross Masking, arXiv 2409.17951",
    "MAMP": "Mao et al., Masked Motion Predictors are Strong 3D Action Representation Learners, arXiv 2308.07092",
    "SkeletonMAE": "Wu et al., SkeletonMAE: Spatial-Temporal Masked Autoencoders, arXiv 2209.02399",
    "Skeleton2vec": "Xu et al., Skeleton2vec, arXiv 2401.00921",
    "STARS": "Mehraban et al., STARS: Self-supervised Tuning for 3D Action Recognition, arXiv 2407.10935",
    "GFP": "Sun et al., Towards Efficient General Feature Prediction, arXiv 2509.03609",
    "SLiM": "Do et al., Less is More: Decoder-Free Masked Modeling, arXiv 2603.10648",
}

PROTOCOLS = {
    "linear": "Linear probe",
    "finetune": "Fine-tune",
    "semi": "Semi-supervised",
    "transfer": "Transfer",
    "knn": "k-NN, k = 1",
}


@dataclass(frozen=True)
class Published:
    """One published accuracy. setting: what else the figure depends on, e.g. the share of labels; often empty."""

    protocol: str
    method: str
    dataset: str
    rule: str
    top1: float
    setting: str = ""

    @property
    def source(self) -> str:
        """The paper that describes the method."""
        return SOURCES[self.method]

    @property
    def column(self) -> str:
        """The heading this figure stands under."""
        return f"{self.dataset}-{self.rule}" + (f", {self.setting}" if self.setting else "")


_COLUMNS = (("ntu60", "xsub"), ("ntu60", "xview"), ("ntu120", "xsub"), ("ntu120", "xset"), ("pku2", "xsub"))

_LINEAR = {
    "HA-CM": (86.3, 91.2, 78.9, 80.2, 50.9),
    "MAMP": (84.9, 89.1, 78.6, 79.1, 53.8),
    "SkeletonMAE": (74.8, 77.7, 72.5, 73.5, 36.1),
    "Skeleton2vec": (85.7, 90.3, 79.7, 81.3, 55.6),
    "STARS": (87.1, 90.9, 79.9, 80.8, 52.7),
    "GFP": (85.9, 92.0, 79.1, 80.3, 56.2),
    "SLiM": (87.9, 93.2, 81.2, 83.6, None),
}

_SEMI = {"SkeletonMAE": (54.4, 80.6), "MAMP": (66.0, 88.0), "GFP": (71.8, 88.7)}

_TRANSFER = {"SkeletonMAE": (58.4, 61.0), "MAMP": (70.6, 73.2)}

PUBLISHED: tuple[Published, ...] = (
    *(
        Published("linear", method, *column, top1)
        for method, accuracies in _LINEAR.items()
        for column, top1 in zip(_COLUMNS, accuracies, strict=True)
        if top1 is not None
    ),
    *(
        Published("finetune", "MAMP", *column, top1)
        for column, top1 in zip(_COLUMNS[:4], (93.1, 97.5, 90.0, 91.3), strict=True)
    ),
    *(
        Published("semi", method, "ntu60", "xsub", top1, setting)
        for method, accuracies in _SEMI.items()
        for setting, top1 in zip(("1 % of labels", "10 % of labels"), accuracies, strict=True)
    ),
    *(
        Published("transfer", method, "pku2", "xsub", top1, setting)
        for method, accuracies in _TRANSFER.items()
        for setting, top1 in zip(("from ntu60", "from ntu120"), accuracies, strict=True)
    ),
    Published("knn", "STARS", "ntu60", "xsub", 79.9),
    Published("knn", "STARS", "ntu60", "xview", 88.6),
)


def split_published(datasets: set[str], protocols: set[str]) -> tuple[list[Published], list[Published]]:
    """(figures to show beside results on these data sets and protocols, all others)."""
    shown = [figure for figure in PUBLISHED if figure.dataset in datasets and figure.protocol in protocols]
    return shown, [figure for figure in PUBLISHED if figure not in shown]
