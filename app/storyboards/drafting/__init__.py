"""From a text to the scenes of a storyboard: by rules, or by a language model with the rules behind it."""
