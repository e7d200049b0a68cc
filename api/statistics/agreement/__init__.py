"""Agreement of rankings: scores with PSNR, seeds, fidelities, and repeated measurements."""
