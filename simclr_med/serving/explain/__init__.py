"""Grad-CAM: the image regions that a prediction rests on."""
