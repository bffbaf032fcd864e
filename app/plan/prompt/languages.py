"""A prompt comes in; whether it is plainly English goes out, by its letters and by words of other languages."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_FOREIGN_SHARE: Final = 0.1  # of the letters: more than that, and a prompt is not English
_WORD: Final = re.compile(r"[a-z]+(?:'[a-z]+)?")


def _words(*texts: str) -> frozenset[str]:
    return frozenset(word for text in texts for word in text.split())


# Without accents, and no word that English has too: "die", "pour", "chat", "rode", "om", "van", "Stern".
_SMALL: Final = _words(
    "un una el los las del con por para que sobre hacia desde muy mientras donde esta junto",  # Spanish
    "une le les et dans sur avec des vers qui cette pres",  # French
    "der das ein eine einer einem einen eines und mit auf im vom zum zur ist nach nicht sich wird durch neben",
    "il gli che nel nella nello sul sulla dello della delle degli mentre dalla sopra sotto questo",  # Italian
    "uma com pela pelo enquanto nao muito perto",  # Portuguese
    "het een naar zich wordt niet boven tussen naast",  # Dutch
    "och ett som inte ikke hoger hojre hoyre",  # Swedish, Danish, Norwegian
    "sie jest oraz przez ktora ktory ktery",  # Polish, Czech
    "este spre catre bir uzerinde dogru icin egy dengan sebuah dari",  # Romanian, Turkish, Hungarian, Indonesian
)
"""Small words: one of them is enough."""

_THINGS: Final = _words(
    "rojo roja azul amarillo amarilla blanca verde vermelho vermelha amarelo amarela gato perro cachorro pelota bola",
    "cuadrado quadrado estrella estrela triangulo anillo circulo rebota salta gira camina cae playa praia mujer hombre",
    "balle boule cercle carre etoile anneau jaune chien plage homme roule rebondit tourne saute tombe marche bleue",
    "roter rotes blauer blaue blaues gruner grune grunes gelber gelbe gelbes weisser weisses schwarzer schwarze kugel",
    "kreis quadrat dreieck katze frau rollt springt dreht fallt hupft lauft tanzt sonne strasse rechts",
    "palla cerchio quadrato triangolo rosso rossa gialla bianco gatto rotola rimbalza cammina spiaggia",
    "blauwe groene gele witte zwarte cirkel vierkant driehoek rolt draait valt stuitert",
    "rullar ruller studsar hoppar stjarna fyrkant trekant boll",
    "czerwona czerwony niebieska niebieski zielona zielony zolta zolty kulka pilka kwadrat gwiazda toczy spada obraca",
    "kirmizi mavi yesil yildiz daire merah biru hijau kuning lingkaran bintang berputar bergulir melompat",
)
"""Names of things, colours and motions, which English borrows now and then: it takes half of the words."""


def plainly_english(prompt: str) -> bool:
    """Whether rules made of English words may judge it; False for what has no letters."""
    letters = [char for char in prompt if char.isalpha()]
    foreign = sum(not char.isascii() for char in letters)
    if not letters or foreign > _FOREIGN_SHARE * len(letters):
        return False
    words = _WORD.findall(_bare(prompt.casefold()))
    return _SMALL.isdisjoint(words) and 2 * sum(word in _THINGS for word in words) < max(1, len(words))


def _bare(text: str) -> str:
    """The text without accents."""
    if text.isascii():
        return text
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
