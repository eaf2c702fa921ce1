"""The scripts of the workflows in `.github/`."""
