"""`klaviyo-streams demo`: the whole journey on one machine, judged at the end."""
