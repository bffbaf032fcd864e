"""A job's story with every port injected: submit, single flight, admission, dependencies, endings, retention."""
