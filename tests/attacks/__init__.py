"""Attacks that are carried out: what `@pytest.mark.attack` means, the table of them, and `make attack`."""
