"""What things, places and doings look most like in a world of coloured shapes: data, no logic."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

Look = tuple[str, str]
"""Shape and colour."""


def _table(text: str) -> Mapping[str, Look]:
    found: dict[str, Look] = {}
    for line in text.strip().splitlines():
        look, _, words = line.partition(":")
        shape, colour = look.split()
        found |= dict.fromkeys(words.split(), (shape, colour))
    return MappingProxyType(found)


THINGS: Final = _table(
    """
circle yellow: sun sunlight sunshine lamp lantern light cheese bee lemon coin gold egg butter chick duckling bulb honey
circle white: moon snow snowball pearl cloud egg sheep rabbit ghost swan milk ice bear snowman cotton planet
circle red: apple cherry tomato heart mars blood rose ladybird ladybug strawberry
circle orange: orange pumpkin cat fox tiger lion carrot peach robin fish goldfish
circle blue: earth world globe drop water raindrop rain whale dolphin bubble bluebird berry river wave atom
circle green: tree trees bush pea frog apple lime melon turtle leaf plant seed forest
circle purple: grape plum eggplant aubergine
circle pink: pig flamingo face head child baby girl blossom flower flowers cell brain
circle orange: dog horse wheel man woman person people boy king queen bird ball clock
square red: house home barn brick bus truck car door letterbox book books flag building
square orange: box crate bread chest parcel table chair desk wood
square yellow: window taxi gold card
square blue: computer screen robot pool phone machine telephone television jeans
square white: paper page letter sugar fridge ice cube tooth photo picture
square green: garden park field lawn money ticket
triangle white: mountain mountains peak iceberg glacier sail sailboat ship boat alps
triangle red: roof tent volcano lava rocket
triangle orange: fire flame pyramid dune slice pizza campfire
triangle green: fir pine spruce hill christmas
triangle blue: shark fin arrow
star yellow: star stars spark firework fireworks lightning comet meteor
star orange: leaf leaves autumn starfish
star white: snowflake snowflakes crystal diamond
star pink: flower daisy
ring yellow: crown halo ring saturn
ring orange: donut doughnut bagel pretzel tyre tire
ring white: circle loop circuit cycle halo
ring blue: whirlpool lake pond
"""
)
"""Thing -> what it is drawn as; the last of two that name it."""

PLACES: Final = MappingProxyType(
    {
        word: ground
        for ground, words in {
            "black": "space darkness dark cave universe galaxy void tunnel cosmos",
            "gray": "city street road wall room office factory concrete stone town kitchen school station bridge rain",
            "sky blue": "sky air heaven day sea ocean water lake river wind clouds morning",
            "dark green": "forest garden grass meadow jungle woods park field lawn hill hills valley",
            "sand": "beach desert sand dunes coast shore island dune savanna",
            "night blue": "night midnight evening dusk stars moonlight deep dream sleep",
        }.items()
        for word in words.split()
    }
)
"""Word -> ground on which it is shown."""

DOINGS: Final = MappingProxyType(
    {
        word: motion
        for motion, words in {
            "right": "go goes went walk walks walked walking run runs ran running travel travels travelled drive "
            "drives drove sail sails sailed sailing flow flows flowed ride rides rode march leave leaves left move "
            "moves moved moving swim swims swam fly flies flew flying roll rolls rolled follow "
            "follows hunt hunts chase chases",
            "left": "return returns returned back comes came come arrive arrives arrived",
            "up": "rise rises rose risen lift lifts lifted climb climbs climbed soar soars soared launch launches wake "
            "wakes woke evaporate evaporates ascend",
            "down": "fall falls fell fallen drop drops dropped sink sinks sank dive dives dived land lands landed melt "
            "melts rains pour pours snows descend collapse collapsed",
            "bouncing": "jump jumps jumped jumping bounce bounces bounced hop hops hopped dance dances danced dancing "
            "play plays played playing laugh laughs laughed beat beats",
            "spinning": "turn turns turned turning spin spins spun whirl whirls twist twists rotate rotates swirl",
            "growing": "grow grows grew grown growing open opens opened bloom blooms bloomed explode explodes exploded "
            "expand expands born build builds built begin begins began spread spreads shine shines",
            "shrinking": "shrink shrinks shrank fade fades faded vanish vanishes vanished die dies died close closes "
            "closed end ends ended disappear disappears",
            "orbiting": "orbit orbits orbited circle circles circled wander wanders wandered cycle around round",
        }.items()
        for word in words.split()
    }
)
"""Word -> motion that is most like it."""
