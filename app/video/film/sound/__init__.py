"""The sound of a film: narrations and music come in, one track comes out, as loud as it should be."""
