"""Finds what a picture is of: pixels come in, the cover of the subject goes out; by OpenCV, or by a model of yours."""
