"""The tables and figures of ISNAS-DIP (CVPR 2022), made from a release or from experiments.

Each is a `nasdip_bench.api.exhibits.exhibit.Exhibit`; figures draw themselves:

    table1    Kendall's tau between PSNR, or the best iteration, and training-free scores
    figure1   how many of their best architectures pairs of images share
    figure2   power spectra (`spectra`) of images and untrained networks; needs images and torch
    figure3   PSNR against a score, with the cohorts that the score selects
    figure4   histograms of PSNR, with the best of those cohorts
    tables23  Tables 2 and 3: PSNR by method, from the results of experiments
    figure5   restored images side by side, from a build of experiments

`printed` holds the paper's values; `nasdip_bench.api.gallery` writes all exhibits to a folder.
"""
