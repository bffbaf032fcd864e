"""More frames a second than a model makes: pairs of frames come in, pictures between them go out."""
