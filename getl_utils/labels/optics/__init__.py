"""Optical spectra of crystals: the electrons' oscillator strength, ε(ω), colour."""
