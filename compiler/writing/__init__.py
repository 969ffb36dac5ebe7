"""The files of a compiled analysis that all back ends share."""
