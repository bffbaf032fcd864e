"""How the service has been and will be: minute samples, trends, a forecast, a score, and what it mended by itself."""
