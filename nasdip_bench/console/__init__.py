"""What the three command lines share: app, options, progress, interruption."""
