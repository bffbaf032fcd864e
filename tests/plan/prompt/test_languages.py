"""What is not English is told from its letters, its small words, or what half of its words name."""

from __future__ import annotations

import pytest

from app.plan.prompt.languages import plainly_english

FOREIGN = {
    "Spanish": ("un gato camina por la playa", "pelota roja", "estrella azul gira", "Una bola que rebota"),
    "French": ("un chat marche sur la plage", "balle rouge", "étoile jaune", "une étoile qui tombe"),
    "German": (
        "ein roter Ball rollt",
        "roter Ball rollt nach rechts",
        "blauer Kreis",
        "Die Katze läuft über die Straße",
    ),
    "Italian": ("una palla rossa rotola", "palla rossa rimbalza", "il gatto cammina sulla spiaggia"),
    "Portuguese": ("uma bola vermelha rola para a direita", "bola vermelha", "um cachorro corre na praia com uma bola"),
    "Dutch": ("een rode bal rolt", "rode bal rolt naar rechts", "blauwe cirkel"),
    "Swedish": ("en röd boll rullar åt höger", "röd boll studsar"),
    "Polish": ("czerwona kulka toczy się w prawo", "niebieski kwadrat obraca się"),
    "Turkish": ("kırmızı bir top", "mavi yildiz"),
    "Indonesian": ("bola merah bergulir", "sebuah bintang biru"),
    "Russian": ("красный мяч катится",),
    "Chinese": ("红色的球",),
    "Greek": ("μια κόκκινη μπάλα",),
}
ENGLISH = (
    "a red ball rolls to the right on sand",
    "Two cats die of laughter, pour milk, and chat at the stern of a rode-out van",
    "a film noir scene with crème at a table",
    "a beach in Playa Carmen",
    "a bottle of vino rosso on a table",
    "a blue box on a strand, next to a rod and a band",
    "a man in a sari eats pies at noon",
    "she rode to the end of the rue, an angel in a red hat",
    "stella, the dog, an azul butterfly and a verde field",
    "a",
    "a sous chef calls an uber, an aux cable and a yin yang on the uno table",
    "DOS prompt on an old PC",
)


@pytest.mark.parametrize(("language", "prompts"), FOREIGN.items())
def test_what_is_not_english_is_known_as_such(language: str, prompts: tuple[str, ...]) -> None:
    assert [prompt for prompt in prompts if plainly_english(prompt)] == [], language


@pytest.mark.parametrize("prompt", ENGLISH)
def test_english_with_a_word_from_elsewhere_stays_english(prompt: str) -> None:
    assert plainly_english(prompt)


def test_what_has_no_letters_is_not_english() -> None:
    assert not plainly_english("🎈 7")
