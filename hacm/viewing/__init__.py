"""Skeletons to look at in a browser: the player, the page of recordings, and the server that takes them."""
