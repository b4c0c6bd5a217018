"""NTU RGB+D's .skeleton text, written."""

Frame = list[tuple[str, list[tuple[str, str, str]]]]  # a frame: (body id, 25 × (x, y, z)) for each body


def body_lines(body_id: str, joints: list[tuple[str, str, str]]) -> list[str]:
    lines = [f"{body_id} 0 1 1 0 0 0 0.15 -0.2 2", str(len(joints))]
    return lines + [f"{x} {y} {z} 281.8 203.0 nan -inf 0.04 -1.0 1.3 0.4 2" for x, y, z in joints]


def write(frames: list[Frame], ends: str = "\n") -> bytes:
    lines = [str(len(frames))]
    for frame in frames:
        lines.append(str(len(frame)))
        for body_id, joints in frame:
            lines += body_lines(body_id, joints)
    return (ends.join(lines) + ends).encode()


def body(value: float) -> list[tuple[str, str, str]]:
    """25 joints that all differ, the first at x = value."""
    return [(f"{value + joint}", f"{joint * 0.25}", "3.5") for joint in range(25)]
