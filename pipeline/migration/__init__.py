"""A project worked in at commit aaa4aa5 becomes one of the present code: artefacts are converted, work is kept."""
