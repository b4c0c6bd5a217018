"""Models on disk: this project's own, and the authors' released ones."""
