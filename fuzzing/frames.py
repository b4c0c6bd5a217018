"""Changes to `.skeleton` texts as frames of bodies of joints, so that the counts that announce them stay right."""

import random

from fuzzing.words import NUMBERS, mutate_text

Body = list[bytes]
"""Its line of ten fields and the lines of its joints."""

Frames = list[list[Body]]

MOST_BODIES = 40


def mutate_skeleton(data: bytes, rng: random.Random) -> bytes:
    """Whole frames, bodies, ids and coordinates are changed; half of the time lines and words as well, or instead."""
    frames = read_frames(data)
    if not frames or rng.random() < 0.3:
        return mutate_text(data, rng)
    for _ in range(rng.choice((1, 1, 2, 4))):
        rng.choice(CHANGES)(frames, rng)
    text = write_frames(frames)
    return mutate_text(text, rng) if rng.random() < 0.5 else text


def read_frames(data: bytes) -> Frames:
    """What can be made out of the frames of a text, damaged or not: told by the number of fields of each line."""
    frames: Frames = []
    inside = False
    for line in data.split(b"\n")[1:]:
        fields = len(line.split())
        if fields == 10:
            frames = frames or [[]]
            frames[-1].append([line])
            inside = True
        elif fields == 12 and frames and frames[-1]:
            frames[-1][-1].append(line)
            inside = False
        elif fields == 1 and not inside:
            frames.append([])
    return frames


def write_frames(frames: Frames) -> bytes:
    """The text with every count as it is."""
    lines = [b"%d" % len(frames)]
    for bodies in frames:
        lines.append(b"%d" % len(bodies))
        for head, *joints in bodies:
            lines += [head, b"%d" % len(joints), *joints]
    return b"\n".join(lines) + b"\n"


def _repeat_frames(frames: Frames, rng: random.Random) -> None:
    at = rng.randrange(len(frames))
    repeated = frames[at : at + rng.choice((1, 2))]
    few = sum(map(len, frames)) < MOST_BODIES
    frames[at:at] = repeated * rng.choice((1, 2, 9)) if few else [[]] * rng.choice((1, 300))


def _drop_frame(frames: Frames, rng: random.Random) -> None:
    if len(frames) > 1:
        del frames[rng.randrange(len(frames))]


def _some_body(frames: Frames, rng: random.Random) -> tuple[list[Body], int] | None:
    bodies = rng.choice(frames)
    return (bodies, rng.randrange(len(bodies))) if bodies else None


def _repeat_body(frames: Frames, rng: random.Random) -> None:
    found = _some_body(frames, rng)
    if found and sum(map(len, frames)) < MOST_BODIES:
        bodies, at = found
        target = rng.randrange(len(frames))
        frames[target] = [*frames[target], *[list(bodies[at]) for _ in range(rng.choice((1, 1, 6)))]]


def _drop_body(frames: Frames, rng: random.Random) -> None:
    number = rng.randrange(len(frames))
    frames[number] = frames[number][:-1]


def _rename(frames: Frames, rng: random.Random) -> None:
    found = _some_body(frames, rng)
    if found:
        bodies, at = found
        _, *fields = bodies[at][0].split(b" ")
        name = rng.choice((b"7", b"0", b"-3", b"%d" % rng.getrandbits(64), rng.choice(NUMBERS)))
        bodies[at] = [b" ".join([name, *fields]), *bodies[at][1:]]


def _change_joint(frames: Frames, rng: random.Random) -> None:
    found = _some_body(frames, rng)
    if found and len(found[0][found[1]]) > 1:
        bodies, at = found
        body = list(bodies[at])
        joint = rng.randrange(1, len(body))
        fields = body[joint].split(b" ")
        fields[rng.randrange(min(3, len(fields)))] = rng.choice(NUMBERS)
        body[joint] = b" ".join(fields)
        bodies[at] = body


CHANGES = (_repeat_frames, _drop_frame, _repeat_body, _drop_body, _rename, _change_joint, _change_joint)
