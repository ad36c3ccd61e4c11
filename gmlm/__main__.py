"""`python -m gmlm`: the command line, as in the image."""

from gmlm.cli import main

if __name__ == "__main__":
    main()
