"""The CWL front end."""
