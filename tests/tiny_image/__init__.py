"""A model image of the standard library alone, for tests of what runs images."""
