"""Bodies of Klaviyo requests that concern events and consent."""
