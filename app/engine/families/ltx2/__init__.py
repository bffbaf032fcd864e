"""LTX-2: pictures and sound from one transformer, equal to diffusers' LTX2Pipeline and LTX2ImageToVideoPipeline."""
