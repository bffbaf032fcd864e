"""MiniMax-H3, equal to diffusers' modular blocks of it: of text, of keyframes, of pictures that it refers to."""
