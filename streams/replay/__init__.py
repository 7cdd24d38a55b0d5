"""What is told once more, and why: the table compared with what Klaviyo has."""
