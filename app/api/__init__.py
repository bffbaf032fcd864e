"""The wire: HTTP comes in, calls of the service go out, and answers and errors in one shape come back."""
