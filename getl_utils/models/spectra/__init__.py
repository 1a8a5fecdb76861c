"""Optical spectra of crystals that nobody computed: models that learn from computed ones."""
