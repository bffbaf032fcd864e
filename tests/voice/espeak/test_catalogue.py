"""A narrator's voice and language become one of espeak-ng's."""

from __future__ import annotations

import pytest

from app.errors import InvalidRequest
from app.types.storyboard import Narrator
from app.voice.espeak.catalogue import Catalogue, catalogue
from app.voice.espeak.process import EspeakProcess


@pytest.fixture(scope="module")
def known(process: EspeakProcess) -> Catalogue:
    return catalogue(process.data)


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("en", "gmw/en-US"),
        ("en-GB", "gmw/en"),
        ("en-AU", "gmw/en-US"),
        ("de", "gmw/de"),
        ("de-AT", "gmw/de"),
        ("pt-BR", "roa/pt-BR"),
        ("pt", "roa/pt"),
        ("pt_br", "roa/pt-BR"),
        ("es-MX", "roa/es-419"),
        ("zh", "sit/cmn"),
        ("zh-Hant-TW", "sit/cmn"),
        ("zh-HK", "sit/yue"),
        ("fr-CH", "roa/fr-CH"),
        ("iw", "sem/he"),
        ("sr-Latn-RS", "zls/sr"),
    ],
)
def test_the_nearest_language_speaks(known: Catalogue, language: str, name: str) -> None:
    assert known.chosen(Narrator(language=language)).name == name


@pytest.mark.parametrize(
    ("voice", "name", "language"),
    [
        ("de", "gmw/de", "de"),
        ("DE", "gmw/de", "de"),
        ("+f3", "roa/fr+f3", "fr-fr"),
        ("f3", "roa/fr+f3", "fr-fr"),
        ("annie", "roa/fr+Annie", "fr-fr"),
        ("pt-br+m2", "roa/pt-BR+m2", "pt-br"),
        ("", "roa/fr", "fr-fr"),
    ],
)
def test_a_voice_is_a_language_a_variant_or_both(known: Catalogue, voice: str, name: str, language: str) -> None:
    chosen = known.chosen(Narrator(voice=voice, language="fr-FR"))
    assert (chosen.name, chosen.language) == (name, language)


@pytest.mark.parametrize("narrator", [Narrator(voice="de+f33"), Narrator(voice="Anni"), Narrator(voice="e" * 9999)])
def test_an_unknown_voice_is_refused_with_what_was_probably_meant(known: Catalogue, narrator: Narrator) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        known.chosen(narrator)
    assert refusal.value.param == "voice"
    assert narrator.voice != "Anni" or "'Annie'" in str(refusal.value)
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize(
    ("language", "near"), [("german", "'de'"), ("jp", "'ja'"), ("", ""), ("en--", ""), ("x" * 9999, ""), ("d€", "")]
)
def test_an_unknown_language_is_refused_with_a_near_one(known: Catalogue, language: str, near: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        known.chosen(Narrator(language=language))
    assert refusal.value.param == "language"
    assert near in str(refusal.value)
    assert len(str(refusal.value)) < 300


def test_there_are_about_a_hundred_languages_and_as_many_variants(known: Catalogue) -> None:
    names = known.names()
    assert {"en-us", "en-gb", "de", "pt-br", "cmn", "ar", "hi", "ja"} <= set(names)
    assert sum(name.startswith("+") for name in names) > 50
    assert len(names) > 150


def test_voices_are_listed_with_their_languages_as_people_call_them(known: Catalogue) -> None:
    listed = {each.id: each for each in known.listed()}
    assert tuple(listed) == known.names()
    assert (listed["de"].language, listed["de"].name) == ("de", "German")
    assert (listed["en-us"].language, listed["en-us"].name) == ("en-us", "English (America)")
    assert listed["+f3"].language is None
