"""Read what the user wrote: reana.yaml, settings, hints, names of images and data."""
