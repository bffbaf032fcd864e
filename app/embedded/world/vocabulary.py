"""The words of the built-in world: what can be in a scene, how it looks, and what people call it; data, no logic."""

from types import MappingProxyType
from typing import Final

RGB = tuple[int, int, int]

COLOURS: Final = MappingProxyType[str, RGB](
    {
        "red": (222, 30, 36),
        "green": (30, 178, 66),
        "blue": (32, 92, 250),
        "yellow": (252, 226, 30),
        "orange": (255, 132, 10),
        "purple": (134, 46, 190),
        "pink": (255, 112, 190),
        "white": (248, 248, 248),
    }
)
"""Colour of a subject -> sRGB, 0..255."""

GROUNDS: Final = MappingProxyType[str, RGB](
    {
        "black": (10, 10, 12),
        "gray": (124, 126, 130),
        "sky blue": (146, 206, 242),
        "dark green": (14, 72, 40),
        "sand": (214, 190, 146),
        "night blue": (16, 22, 70),
    }
)
"""Ground -> sRGB, 0..255."""

SHAPES: Final = ("circle", "square", "triangle", "star", "ring")
MOTIONS: Final = (
    "left",
    "right",
    "up",
    "down",
    "bouncing",
    "spinning",
    "growing",
    "shrinking",
    "orbiting",
    "still",
)
ACROSS: Final = ("across left", "across right")
"""Motions of weights that know "across": through the whole picture."""

ALL_MOTIONS: Final = (*MOTIONS, *ACROSS)
RELATIONS: Final = ("above", "below", "left of", "right of", "inside")
"""How the first of two subjects stands to the second, for weights that know "relations"."""

SPINNABLE: Final = frozenset({"square", "triangle", "star"})
"""Shapes whose turning can be seen."""

SIZES: Final = MappingProxyType[str, float]({"small": 0.105, "medium": 0.142, "large": 0.19})
"""Size -> radius, in units of the picture's side."""

COLOUR_WORDS: Final = MappingProxyType[str, tuple[str, ...]](
    {
        "red": ("red", "red", "red", "crimson", "scarlet", "ruby", "bright red", "cherry red"),
        "green": ("green", "green", "green", "emerald", "bright green", "grass green", "leaf green"),
        "blue": ("blue", "blue", "blue", "azure", "cobalt", "royal blue", "bright blue", "sapphire"),
        "yellow": ("yellow", "yellow", "yellow", "golden", "lemon", "bright yellow", "lemon yellow"),
        "orange": ("orange", "orange", "orange", "tangerine", "amber", "bright orange"),
        "purple": ("purple", "purple", "purple", "violet", "lilac", "indigo", "deep purple"),
        "pink": ("pink", "pink", "pink", "hot pink", "rose pink", "magenta", "bright pink"),
        "white": ("white", "white", "white", "snow white", "ivory", "bright white", "snowy"),
    }
)
SHAPE_WORDS: Final = MappingProxyType[str, tuple[str, ...]](
    {
        "circle": ("circle", "circle", "ball", "ball", "sphere", "disc", "disk", "dot", "round ball", "orb"),
        "square": ("square", "square", "box", "box", "cube", "block", "tile"),
        "triangle": ("triangle", "triangle", "triangle", "pyramid", "triangular shape", "wedge"),
        "star": ("star", "star", "star", "five-pointed star", "starlet", "star shape"),
        "ring": ("ring", "ring", "hoop", "donut", "hollow circle", "loop", "circular band"),
    }
)
SIZE_WORDS: Final = MappingProxyType[str, tuple[str, ...]](
    {
        "small": ("small", "small", "little", "tiny"),
        "medium": ("medium", "medium-sized", "mid-sized", "middle-sized"),
        "large": ("large", "big", "big", "huge", "giant"),
    }
)
GROUND_WORDS: Final = MappingProxyType[str, tuple[str, ...]](
    {
        "black": ("black", "black", "black", "pitch black", "jet black", "dark black"),
        "gray": ("gray", "gray", "grey", "grey", "neutral gray", "plain grey"),
        "sky blue": ("sky blue", "sky blue", "light blue", "pale blue", "sky-blue"),
        "dark green": ("dark green", "dark green", "forest green", "deep green", "dark-green"),
        "sand": ("sand", "sand-coloured", "sandy", "beige", "sand-colored", "tan"),
        "night blue": ("night blue", "night blue", "dark blue", "navy", "midnight blue", "navy blue"),
    }
)
GROUND_PLACES: Final = MappingProxyType[str, tuple[str, ...]](
    {
        "black": ("in the dark", "in empty black space", "in the darkness"),
        "gray": ("on grey concrete", "in front of a grey wall"),
        "sky blue": ("in the sky", "in a clear sky", "against the daytime sky"),
        "dark green": ("in a dark forest", "on dark grass", "on a dark lawn"),
        "sand": ("on the beach", "on the sand", "in the desert"),
        "night blue": ("in the night sky", "at night", "under the night sky"),
    }
)
"""Ways to say a ground without its colour word."""

GROUND_NOUNS: Final = ("background", "background", "background", "backdrop", "ground", "surface", "field", "canvas")

# Each motion as (after "a ball ...": present tense; "a ball ...": participle; "make a ball ...": bare verb).
MOTION_WORDS: Final = MappingProxyType[str, tuple[tuple[str, str, str], ...]](
    {
        "left": (
            ("moves left", "moving left", "move left"),
            ("moves to the left", "moving to the left", "move to the left"),
            ("slides left", "sliding left", "slide left"),
            ("rolls to the left", "rolling to the left", "roll to the left"),
            ("drifts leftwards", "drifting leftwards", "drift leftwards"),
            ("glides from right to left", "gliding from right to left", "glide from right to left"),
            ("goes left", "going left", "go left"),
            ("travels towards the left", "travelling towards the left", "travel towards the left"),
        ),
        "right": (
            ("moves right", "moving right", "move right"),
            ("moves to the right", "moving to the right", "move to the right"),
            ("slides right", "sliding right", "slide right"),
            ("rolls to the right", "rolling to the right", "roll to the right"),
            ("drifts rightwards", "drifting rightwards", "drift rightwards"),
            ("glides from left to right", "gliding from left to right", "glide from left to right"),
            ("goes right", "going right", "go right"),
            ("travels towards the right", "travelling towards the right", "travel towards the right"),
        ),
        "up": (
            ("moves up", "moving up", "move up"),
            ("rises", "rising", "rise"),
            ("floats upwards", "floating upwards", "float upwards"),
            ("climbs", "climbing", "climb"),
            ("goes up", "going up", "go up"),
            ("drifts upward", "drifting upward", "drift upward"),
            ("ascends", "ascending", "ascend"),
            ("moves towards the top", "moving towards the top", "move towards the top"),
        ),
        "down": (
            ("moves down", "moving down", "move down"),
            ("falls", "falling", "fall"),
            ("drops", "dropping", "drop"),
            ("sinks", "sinking", "sink"),
            ("goes down", "going down", "go down"),
            ("drifts downward", "drifting downward", "drift downward"),
            ("descends", "descending", "descend"),
            ("moves towards the bottom", "moving towards the bottom", "move towards the bottom"),
        ),
        "bouncing": (
            ("bounces", "bouncing", "bounce"),
            ("bounces up and down", "bouncing up and down", "bounce up and down"),
            ("hops", "hopping", "hop"),
            ("jumps up and down", "jumping up and down", "jump up and down"),
            ("keeps bouncing", "bouncing again and again", "keep bouncing"),
            ("springs up and down", "springing up and down", "spring up and down"),
        ),
        "spinning": (
            ("spins", "spinning", "spin"),
            ("rotates", "rotating", "rotate"),
            ("turns around", "turning around", "turn around"),
            ("spins in place", "spinning in place", "spin in place"),
            ("whirls", "whirling", "whirl"),
            ("twirls", "twirling", "twirl"),
            ("rotates clockwise", "rotating clockwise", "rotate clockwise"),
        ),
        "growing": (
            ("grows", "growing", "grow"),
            ("gets bigger", "getting bigger", "get bigger"),
            ("expands", "expanding", "expand"),
            ("becomes larger", "becoming larger", "become larger"),
            ("swells", "swelling", "swell"),
            ("increases in size", "increasing in size", "increase in size"),
        ),
        "shrinking": (
            ("shrinks", "shrinking", "shrink"),
            ("gets smaller", "getting smaller", "get smaller"),
            ("contracts", "contracting", "contract"),
            ("becomes smaller", "becoming smaller", "become smaller"),
            ("dwindles", "dwindling", "dwindle"),
            ("decreases in size", "decreasing in size", "decrease in size"),
        ),
        "orbiting": (
            ("orbits", "orbiting", "orbit"),
            ("moves in a circle", "moving in a circle", "move in a circle"),
            ("circles around", "circling around", "circle around"),
            ("goes round and round", "going round and round", "go round and round"),
            ("travels along a circular path", "travelling along a circular path", "travel along a circular path"),
            ("orbits the center", "orbiting the center", "orbit the center"),
        ),
        "still": (
            ("stands still", "standing still", "stand still"),
            ("does not move", "not moving", "stay motionless"),
            ("stays in place", "staying in place", "stay in place"),
            ("rests", "resting", "rest"),
            ("is motionless", "motionless", "be motionless"),
            ("sits still", "sitting still", "sit still"),
        ),
    }
)

# The same for going across the whole picture; where no side is said it is the right, as one reads.
ACROSS_WORDS: Final = MappingProxyType[str, tuple[tuple[str, str, str], ...]](
    {
        f"across {side}": (
            (f"moves across the screen to the {side}", f"moving across the screen to the {side}", f"move across {to}"),
            (f"crosses the picture {came}", f"crossing the picture {came}", f"cross the picture {came}"),
            (f"rolls all the way to the {side}", f"rolling all the way to the {side}", f"roll all the way {to}"),
            (f"slides across the picture {came}", f"sliding across the picture {came}", f"slide across {came}"),
            (
                f"flies across the whole screen {to}",
                f"flying across the whole screen {to}",
                f"fly across the frame {to}",
            ),
            (f"travels across the frame {came}", f"travelling across the frame {came}", f"travel across {came}"),
            (f"goes across the scene to the {side}", f"going across the scene to the {side}", f"go all the way {to}"),
            *more,
        )
        for side, to, came, more in (
            ("left", "to the left", "from right to left", ()),
            (
                "right",
                "to the right",
                "from left to right",
                (
                    ("moves across the screen", "moving across the screen", "move across the screen"),
                    ("crosses the picture", "crossing the picture", "cross the picture"),
                    ("glides across the whole picture", "gliding across the whole picture", "glide all the way across"),
                ),
            ),
        )
    }
)
RELATION_WORDS: Final = MappingProxyType[str, tuple[str, ...]](
    {
        "above": ("above", "above", "above", "over", "right above"),
        "below": ("below", "below", "under", "beneath", "underneath"),
        "left of": ("to the left of", "to the left of", "left of", "on the left of", "on the left side of"),
        "right of": ("to the right of", "to the right of", "right of", "on the right of", "on the right side of"),
        "inside": ("inside", "inside", "inside", "within", "in the middle of"),
    }
)
PLACE_WORDS: Final = MappingProxyType[str, tuple[tuple[str, str], ...]](
    {
        "above": (("at the top", "at the bottom"), ("in the upper half", "in the lower half")),
        "below": (("at the bottom", "at the top"), ("in the lower half", "in the upper half")),
        "left of": (("on the left", "on the right"), ("on the left side", "on the right side")),
        "right of": (("on the right", "on the left"), ("on the right side", "on the left side")),
    }
)
"""Ways to say a relation by the places of the first and of the second subject."""

STANDING_WORDS: Final = MappingProxyType[str, tuple[str, ...]](
    {
        relation: (*ways, *(way for both in PLACE_WORDS.get(relation, ()) for way in both[:1]))
        for relation, ways in RELATION_WORDS.items()
    }
)
"""Every way to say how the first of two stands to the second; the place of one of them says it, too."""

NUMBER_WORDS: Final = MappingProxyType[int, tuple[str, ...]](
    {2: ("two", "two", "two", "2", "a pair of"), 3: ("three", "three", "three", "3", "a trio of")}
)

_GOING = ("move", "slide", "roll", "drift", "glide", "go", "travel", "float", "fly", "run")
_SIDES = MappingProxyType(
    {
        side: (side, f"{side}ward", f"{side}wards", f"to the {side}", f"towards the {side}", f"toward the {side}", came)
        for side, came in (("left", "from right to left"), ("right", "from left to right"))
    }
)
_HEIGHTS = MappingProxyType(
    {
        "up": ("up", "upward", "upwards", "towards the top", "to the top"),
        "down": ("down", "downward", "downwards", "towards the bottom", "to the bottom"),
    }
)


def _verbs(verb: str) -> tuple[str, ...]:
    third = {"fly": "flies", "go": "goes"}.get(verb, f"{verb}s")
    participle = {"run": "running", "travel": "travelling"}.get(verb, f"{verb.removesuffix('e')}ing")
    return third, participle, verb


MORE_MOTION_WORDS: Final = MappingProxyType[str, tuple[str, ...]](
    {
        motion: tuple(f"{form} {way}" for verb in _GOING for form in _verbs(verb) for way in ways)
        for motion, ways in {**_SIDES, **_HEIGHTS}.items()
    }
)
"""Other ways to say four of the motions: not drawn for training, but read alike."""
