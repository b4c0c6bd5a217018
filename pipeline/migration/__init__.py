"""Converts a project of commit aaa4aa5 to today's code: artefacts are converted, finished work is kept."""
