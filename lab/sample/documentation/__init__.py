"""Documentation of the installed libraries, as pages of the sample web."""
