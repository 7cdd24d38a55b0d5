"""Syncs: reads rows of a warehouse, compares, and sends what changed.

Needs the extra `warehouse`: pip install 'klaviyo-streams[warehouse]'.
"""
