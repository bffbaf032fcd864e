"""The wire: schemas, routes, server-sent events and problems."""
