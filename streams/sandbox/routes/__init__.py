"""The handlers, each a plain function `(world, call) -> answer`."""
