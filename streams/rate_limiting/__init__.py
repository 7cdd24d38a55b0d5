"""Rate limiting: response signals, a learned share of the quota, and the limiter."""
