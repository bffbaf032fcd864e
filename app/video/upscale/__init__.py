"""More pixels than a model makes: pictures come in one by one, larger ones go out."""
