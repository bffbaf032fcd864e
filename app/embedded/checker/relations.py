"""The checker's eye for how two subjects stand to each other."""

from collections.abc import Sequence

from app.embedded.checker.checker import Seen, SeenSubject
from app.embedded.world.clauses import Said

_FAR = 0.1  # of the picture's side: nearer than this, nobody would say that one is above the other
_HOLE = 0.56  # radius of a ring's hole, in its own radii


def holds(said: Sequence[Said], seen: Seen) -> bool:
    """Whether two subjects, found by their colours, stand to each other as the first was said to."""
    one, two = (seen.subject(each.colour) for each in said)
    if one is None or two is None or len(seen.subjects) != len(said):
        return False
    relation = said[0].relation
    if relation == "inside":
        return _is_inside(one, two)
    if relation in ("below", "right of"):
        one, two, relation = two, one, {"below": "above", "right of": "left of"}[relation]
    right, down = two.place[0] - one.place[0], two.place[1] - one.place[1]
    along, aslant = (down, right) if relation == "above" else (right, down)
    return along > max(_FAR, abs(aslant))


def _is_inside(inner: SeenSubject, ring: SeenSubject) -> bool:
    """Whether one is in the hole of the other as a whole."""
    off = ((inner.place[0] - ring.place[0]) ** 2 + (inner.place[1] - ring.place[1]) ** 2) ** 0.5
    return ring.shape == "ring" and off + inner.radius * 0.8 < _HOLE * ring.radius
