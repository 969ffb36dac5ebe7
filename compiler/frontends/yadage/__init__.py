"""The Yadage front end."""
