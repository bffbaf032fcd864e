"""Who is asking, what they may, and what they did: keys, scopes, and the record of both."""
