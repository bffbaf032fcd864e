"""espeak-ng: a synthesiser of about a hundred languages, run in processes of its own."""
