"""What tenants upload: LoRA adapters and pictures, read by their headers alone, and the records of them."""
