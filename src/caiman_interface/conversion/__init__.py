"""Parts of a conversion that the interface puts together: times of frames, what to write, what to warn of."""
