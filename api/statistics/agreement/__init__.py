"""How far rankings agree: scores with PSNR, seeds, fidelities, and repeated measurements."""
