"""Run the command ``caiman-interface`` as ``python -m caiman_interface``."""

from .cli import main

if __name__ == "__main__":
    main()
