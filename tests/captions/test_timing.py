"""When a text is heard, and when cues are shown because of that."""

from __future__ import annotations

from app.captions.timing import Clock, Span, shown_ms
from app.types.storyboard import SpokenWord

NAN = float("nan")


def test_without_word_times_a_text_is_heard_evenly() -> None:
    clock = Clock("abcdefghij", (), Span(10.0, 20.0))
    assert [clock.at(place) for place in (0, 5, 10)] == [10.0, 15.0, 20.0]


def test_word_times_hold_with_the_marks_around_the_words() -> None:
    text = "“One,” two."
    clock = Clock(text, (SpokenWord("One", 0.5, 1.0), SpokenWord("two", 3.0, 3.5)), Span(10.0, 20.0))
    assert (clock.at(0), clock.at(6, ending=True)) == (10.5, 11.0)
    assert (clock.at(7), clock.at(11, ending=True)) == (13.0, 13.5)


def test_in_a_script_without_spaces_a_silence_is_between_two_letters() -> None:
    clock = Clock("首都。東京", (SpokenWord("首都", 0.0, 1.0), SpokenWord("東京", 4.0, 5.0)), Span(0.0, 9.0))
    assert (clock.at(3, ending=True), clock.at(3)) == (1.0, 4.0)


def test_words_that_are_not_in_the_text_and_times_that_cannot_be_are_passed_over() -> None:
    words = (
        SpokenWord("ONE", 1.0, 2.0),
        SpokenWord("percent", 2.0, 3.0),
        SpokenWord("two", NAN, 4.0),
        SpokenWord("three", 0.5, 99.0),  # begins before what came before, ends after the narration
    )
    clock = Clock("one two three", words, Span(0.0, 10.0))
    times = [clock.at(place) for place in range(13)]
    assert times == sorted(times)
    assert (clock.at(0), clock.at(13, ending=True)) == (1.0, 10.0)


def test_a_cue_is_shown_for_a_second_at_least_and_seven_at_most() -> None:
    heard = [Span(0.0, 0.2), Span(0.2, 0.4), Span(3.0, 20.0)]
    assert shown_ms(heard, Span(0.0, 30.0)) == [(0, 1000), (1000, 2000), (3000, 10000)]


def test_a_second_is_made_before_where_there_is_none_behind() -> None:
    assert shown_ms([Span(0.0, 4.8), Span(4.8, 5.0)], Span(0.0, 5.0)) == [(0, 4000), (4000, 5000)]


def test_silence_stays_unless_it_would_flicker() -> None:
    heard = [Span(0.0, 2.0), Span(2.2, 4.0), Span(5.0, 7.0)]
    assert shown_ms(heard, Span(0.0, 9.0)) == [(0, 2200), (2200, 4000), (5000, 7000)]


def test_a_scene_shorter_than_a_second_has_all_of_itself() -> None:
    assert shown_ms([Span(1.1, 1.2)], Span(1.0, 1.6)) == [(1000, 1600)]
