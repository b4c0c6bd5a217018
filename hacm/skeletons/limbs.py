"""Arms, legs, neck and tail of any skeleton: what branches off its trunk."""

from hacm.skeletons.skeleton import Skeleton


def find_limbs_by_branching(skeleton: Skeleton) -> tuple[tuple[int, ...], ...]:
    """The limbs of any skeleton, each from the joint next to the trunk outwards: arms, legs, neck and head, a tail.

    A hub is a joint where at least three branches meet that reach a third as far as the skeleton's longest path (so
    fingers make no hub of a hand); the trunk is what lies on the paths between hubs, the centre joint if there is no
    hub; the limbs are what falls apart when the trunk is taken out, in order of their first joints.
    """
    beside = {
        joint: [*skeleton.children(joint), *(parent for parent in [skeleton.parents[joint]] if parent >= 0)]
        for joint in range(skeleton.joints)
    }

    def branch(start: int, origin: int) -> list[tuple[int, int]]:
        """(joint, steps) of the branch that begins with `start` beside `origin`, the nearest first."""
        found, came_from = [(start, 1)], {start: origin}
        for joint, steps in found:
            for other in beside[joint]:
                if other != came_from[joint]:
                    came_from[other] = joint
                    found.append((other, steps + 1))
        return found

    reach = {joint: [branch(start, joint)[-1][1] for start in beside[joint]] for joint in beside}
    longest = max((max(steps, default=0) for steps in reach.values()), default=0)
    hubs = {joint for joint in beside if sum(3 * steps >= longest for steps in reach[joint]) >= 3}
    trunk = {
        joint
        for joint in beside
        if joint in hubs
        or sum(any(other in hubs for other, _ in branch(start, joint)) for start in beside[joint]) >= 2
    } or {skeleton.centre}  # fmt: skip
    edges = sorted((start, joint) for joint in trunk for start in beside[joint] if start not in trunk)
    return tuple(tuple(joint for joint, _ in branch(start, joint)) for start, joint in edges)
