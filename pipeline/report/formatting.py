"""Numbers and names as the report prints them."""

from math import isinf
from typing import Any

from pipeline.report.model import Estimate
from pipeline.report.published import PROTOCOLS
from pipeline.report.table_model import UNKNOWN, Cell
from pipeline.results.people import Pooled


def fingerprint(value: str | None, most: int = 12) -> Cell:
    """A hash or a commit, cut to its first characters; a dash where there is none."""
    return Cell(value[:most], code=True) if value else Cell(UNKNOWN)


def percent(value: float) -> str:
    """An accuracy as the field prints it: one decimal."""
    return f"{value:.1f}"


def interval(estimate: Estimate) -> str:
    """A 95 % interval."""
    return f"[{percent(estimate.low)}, {percent(estimate.high)}]"


def integer(value: int | None) -> str:
    """A count with thin thousands separators; a dash where it is not known."""
    return UNKNOWN if value is None else f"{value:,}"


def signed(value: float) -> str:
    """A difference in points, with its sign."""
    return f"{value:+.1f}".replace("-", "−")


def signed_interval(estimate: Estimate) -> str:
    """The 95 % interval of a difference."""
    return f"[{signed(estimate.low)}, {signed(estimate.high)}]"


def people_interval(pooled: Pooled) -> str:
    """The interval of a difference that was tested on people, in points; words where they are too few for one."""
    if isinf(pooled.low) or isinf(pooled.high):
        return "(too few people)"
    return f"[{signed(100 * pooled.low)}, {signed(100 * pooled.high)}]"


def p_value(p: float) -> str:
    """Two significant digits; very small ones as a bound."""
    return f"{p:.2g}" if p >= 0.0001 else "< 0.0001"


def protocol_name(protocol: str) -> str:
    """How a protocol is called in the report."""
    return PROTOCOLS[protocol].partition(",")[0] if protocol in PROTOCOLS else protocol


def machine(facts: dict[str, Any]) -> str:
    """A machine's facts on one line."""
    known = [f"{key.replace('_', ' ')} {value}" for key, value in facts.items() if value not in (None, "")]
    return ", ".join(known) or "unknown"


def setting(value: Any) -> str:
    """A parameter's value as params.yaml has it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)
