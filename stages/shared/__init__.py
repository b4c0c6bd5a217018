"""What the stages share: command line, console, places, parameters, loading."""
