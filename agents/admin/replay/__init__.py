"""Replays: ranges of topics read anew, and fed behind what happens now."""
