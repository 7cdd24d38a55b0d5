"""What is told once more: ranges of topics, and the table held against Klaviyo."""
