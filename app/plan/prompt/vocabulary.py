"""The words that make a prompt more work, by factor and kind; data for `app.plan.prompt.features`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of word and its points; `entries` are lower-case words and phrases, verbs with a star in any form."""

    name: str
    points: int
    entries: tuple[str, ...]


def _table(text: str) -> tuple[Kind, ...]:
    """Rows of `name points: entry, entry`; an indented line goes on with the row above."""
    rows = re.sub(r"\n +", " ", text.strip()).splitlines()
    heads = (row.partition(": ") for row in rows)
    return tuple(Kind(*_name_points(head), tuple(entries.split(", "))) for head, _, entries in heads)


def _name_points(head: str) -> tuple[str, int]:
    name, _, points = head.rpartition(" ")
    return name, int(points)


MOTION: Final = _table(
    """
travel 1: move*, slide*, roll*, drift*, glide*, travel*, drive*, ride*, swim*, climb*, swing*, float*, rise*,
  orbit*, movement, motion, moving about, rode, drove, swam, swung, swum, rose, rising, ridden, sail, sailing, sails,
  travelling, travelled
walk 1: walk*, stroll*, march*, wander*, stride*, trot*, hike*, crawl*, sneak*, strode, footsteps
run 2: run*, sprint*, race*, jog*, gallop*, chase*, dash*, rush*, speed*, ran, sped, chasing after, high speed
jump 2: jump*, leap*, hop*, bounce*, skip*, vault*, leapt, somersault, backflip, acrobatics
fly 2: fly*, soar*, hover*, flap*, swoop*, levitate*, flew, flown, flight, takeoff, takes off, taking off
dance 2: dance*, twirl*, waltz*, pirouette*, sway*, ballet, choreography, breakdance, breakdancing
spin 1: spin*, rotate*, turn*, twist*, swirl*, whirl*, revolve*, tumble*, spun, rotation, tornado, whirlpool
fall 1: fall*, drop*, collapse*, sink*, plunge*, crumble*, fell, fallen, sank, avalanche, rockfall
flow 2: flow*, pour*, splash*, ripple*, flicker*, flutter*, billow*, cascade*, turbulence
burst 3: explode*, shatter*, burst*, erupt*, crash*, collide*, detonate*, explosion, explosions, eruption,
  collision, fireworks, blast, shockwave, debris
fight 3: fight*, battle*, punch*, kick*, wrestle*, duel*, attack*, charge*, fought, combat, swordfight, war
change 2: morph*, transform*, bloom*, melt*, dissolve*, expand*, evolve*, grow*, shrink*, unfold*, blossom*,
  multiply*, grew, grown, transformation, metamorphosis, turns into, turning into, turn into
"""
)

SCENE: Final = _table(
    """
sky 1: sky, skies, cloud, clouds, cloudy, horizon
land 1: forest, forests, mountain, mountains, valley, meadow, desert, hills, field of, canyon, cliff, cliffs, beach,
  island, garden, landscape, prairie, savanna, woods, countryside, tundra
jungle 2: jungle, rainforest, dense forest, undergrowth, dense vegetation, field of flowers, wildflowers
water 1: ocean, sea, river, lake, waterfall, waves, shore, coast, harbour, harbor, pond, stream, seaside
underwater 2: underwater, coral, coral reef, seabed, ocean floor, deep sea, school of fish
city 2: city, cities, street, streets, skyline, downtown, metropolis, town, village, skyscraper, skyscrapers,
  traffic, highway, tokyo, new york, alley, bridge, cityscape
interior 1: room, kitchen, bedroom, office, library, corridor, hallway, cathedral, workshop, cafe, café, restaurant,
  laboratory, warehouse, museum, interior
crowd 3: crowd, crowds, crowded, market, festival, parade, stadium, concert, army, audience, bustling, swarm, flock,
  herd, marketplace, battlefield
weather 2: storm, stormy, rain, rainy, raining, snow, snowy, snowing, snowfall, fog, foggy, mist, misty, lightning,
  thunder, hurricane, blizzard, sandstorm, wind, windy, smoke
fantastic 2: castle, dragon, dragons, kingdom, futuristic, cyberpunk, steampunk, ruins, alien, spaceship, galaxy,
  galaxies, nebula, planet, planets, outer space, cosmic, magical, dystopian, surreal, robot, robots
"""
)

CAMERA: Final = _table(
    """
pan 1: panning, panning shot, pan shot, pan left, pan right, pan across, pans across, camera pans, camera panning,
  camera pan, slow pan, whip pan, pans left, pans right
tilt 1: tilt up, tilt down, tilts up, tilts down, camera tilts, camera tilt, tilt shot, tilting up
zoom 1: zoom*, zoom in, zoom out, push in, pushes in, pull back, pulls back, camera zoom
dolly 2: dolly*, dollies, dolly shot, dolly zoom, steadicam, gimbal, gimbal shot, one take, long take
track 2: tracking shot, tracking, follow shot, following shot, camera follows, camera following, camera movement,
  camera movements, camera motion, camera moves, camera moving, moving camera, camera glides
aerial 2: aerial, aerial shot, aerial view, drone, drone shot, drone footage, bird's eye, fpv, flyover, flythrough
handheld 1: handheld, hand held, shaky cam, shaky camera, camera shake, found footage
orbit 2: orbit shot, orbiting shot, camera orbits, camera orbiting, camera circles, camera rotates, camera circling,
  360 degree, 360 shot, arc shot, bullet time
crane 2: crane shot, jib, jib shot, camera rises, camera rising, boom shot, camera descends
framing 1: close up, closeup, extreme close up, macro, macro shot, wide shot, wide angle, low angle, high angle,
  dutch angle, point of view, pov, first person, over the shoulder, establishing shot, fisheye, rack focus, focus
  pull, split screen, multiple angles
"""
)

LIGHTING: Final = _table(
    """
golden hour 2: golden hour, blue hour, magic hour, golden light, warm light, warm sunlight
sun 1: sunset, sunrise, dawn, dusk, twilight, sunlight, sunlit, sunbeam, sunny, daylight
night 1: night, nighttime, moonlight, moonlit, starlight, starry, darkness, midnight
neon 2: neon, neon lights, neon glow, neon signs, glowing, bioluminescent, bioluminescence, laser, lasers
beams 2: volumetric, volumetric light, volumetric lighting, god rays, light rays, light shafts, sunbeams, rays of
  light, shafts of light, lens flare, lens flares
fire 2: candle, candlelight, candlelit, firelight, fire, flames, flame, torch, torches, lantern, lanterns, campfire,
  lava, sparks, embers
set 1: studio lighting, studio light, softbox, soft light, soft lighting, rim light, rim lighting, three point
  lighting, key light, spotlight, spotlights, ambient light, ambient lighting, diffused light
contrast 2: dramatic lighting, dramatic light, dramatic, chiaroscuro, high contrast, low key, moody, moody lighting,
  film noir, noir
silhouette 1: silhouette, silhouettes, silhouetted, backlit, backlight, backlighting, shadow, shadows, shade,
  dappled light
reflection 2: reflection, reflections, reflecting, reflective, mirror, mirrored, ray tracing, ray traced, caustics,
  refraction, glass, chrome, iridescent, shimmering, sparkling, glittering
"""
)

QUALITY: Final = _table(
    """
cinematic 2: cinematic, cinematography, film quality, movie quality, movie scene, blockbuster, filmic, epic
resolution 2: 4k, 8k, uhd, ultra hd, full hd, 1080p, 2160p, high resolution, high res, ultra high definition
realism 2: photorealistic, photorealism, hyperrealistic, realistic, lifelike, ultra realistic, photo real
detail 2: detailed, highly detailed, intricate, intricate details, ultra detailed, fine detail, sharp focus, hyper
  detailed, elaborate, rich textures, textured
dynamic range 1: hdr, high dynamic range, vivid colors, vivid colours, vibrant colors, vibrant colours
film 1: film grain, 35mm, 70mm, imax, kodak, anamorphic, analog film, vintage film, color graded, color grading,
  colour grading
depth 1: bokeh, depth of field, shallow focus, shallow depth of field, blurred background, tilt shift
acclaim 1: masterpiece, award winning, professional, best quality, high quality, stunning, breathtaking, premium
  quality, trending on artstation, unreal engine, octane render
tempo 2: slow motion, slow mo, slowmo, time lapse, timelapse, hyperlapse, high frame rate, 60fps, 120fps, 60 fps,
  120 fps, smooth motion, seamless loop
"""
)

WORD_TABLES: Final = MappingProxyType[str, tuple[Kind, ...]](
    {"motion": MOTION, "scene": SCENE, "camera": CAMERA, "lighting": LIGHTING, "quality": QUALITY}
)
"""Factor -> its kinds; a kind counts once however often it is named."""

LENGTHS: Final = ((13, 1), (26, 2), (46, 3), (76, 4))
"""Least words -> points of the prompt's length."""

SUBJECTS: Final = ((2, 1), (3, 2), (4, 3))
"""Least subjects -> points of their count."""

NUMBERS: Final = MappingProxyType[str, int](
    dict.fromkeys(("two", "pair", "couple", "both", "twin"), 2)
    | dict.fromkeys(("three", "trio"), 3)
    | dict.fromkeys(("four", "several", "multiple", "group", "five", "six", "many", "numerous"), 4)
    | dict.fromkeys(("seven", "eight", "nine", "ten", "dozen", "dozens", "hundreds", "thousands"), 8)
)
"""Word -> how many subjects it speaks of, roughly: four and more score alike. Figures are read as they are."""

_COUNTED_OTHERWISE: Final = (
    "s sec secs second seconds min minute minutes hour hours day days year years am pm fps frame frames hz k d x mm"
    " cm m km meter meters metre metres inch inches foot feet degree degrees percent times px pixel pixels bit kelvin"
)
UNITS: Final = frozenset(_COUNTED_OTHERWISE.split())
"""What a figure may stand before without counting subjects."""

DETERMINERS: Final = frozenset({"a", "an", "another", "the", "one", "his", "her", "their", "its"})
_NOT_SEEN_AS_SUBJECTS: Final = (
    "camera background backdrop ground scene sky light lighting shot surface floor view sun moon"
)
NO_SUBJECTS: Final = frozenset(_NOT_SEEN_AS_SUBJECTS.split())
"""What may follow "and a ..." without being one more subject."""

NEGATIONS: Final = frozenset(
    {"no", "not", "without", "never", "avoid", "avoiding", "lacking", "minus", "cannot", "non", "nor", "neither"}
    | {"none", "nothing", "nobody", "dont", "doesnt", "didnt", "isnt", "arent", "cant", "wont"}
)
NEGATION_ENDS: Final = frozenset({"but", "only", "except", "just", "and", "while", "then", "with"})
NEGATION_REACH: Final = 4
"""A negation reaches this many words, or to the end of its clause."""

ADVERBS: Final = frozenset({"slowly", "gently", "smoothly", "quickly", "steadily", "gradually", "softly", "then"})
"""Read over inside a phrase: "the camera slowly follows"."""
