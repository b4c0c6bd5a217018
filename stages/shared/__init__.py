"""Code that the stages share: command line, console, places, parameters, loading."""
