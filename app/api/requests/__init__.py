"""What came over the wire goes in, and checked records go out."""
