"""The Ray Serve deployments: each file translates, none decides."""
