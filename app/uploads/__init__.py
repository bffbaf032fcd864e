"""What tenants upload to keep: LoRA adapters, read by their headers alone, and the records of them."""
