"""Sample analyses, each a folder with a ``reana.yaml``; ``reana-batch samples`` copies one out."""
