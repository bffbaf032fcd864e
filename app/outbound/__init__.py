"""The one guard for addresses that others name: webhooks and pictures."""
