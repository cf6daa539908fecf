"""Version differences and private names of other packages, one module per package."""
