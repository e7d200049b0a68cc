"""The tables and figures of ISNAS-DIP (CVPR 2022), from the data of a release or of experiments.

Each is an `nasdip_bench.api.exhibits.exhibit.Exhibit` with a module of its own:

    table1          Kendall's tau between PSNR and training-free scores
    best_iteration  the same with the best iteration (section 5 of the paper)
    figure1         how many of their best architectures images share
    figure2         power spectra of images and of untrained networks; needs images and torch
    figure3         PSNR against a score, with the cohorts that the score finds
    figure4         histograms of PSNR, with the best of those cohorts
    comparison      Tables 2 and 3: PSNR by method, from the results of experiments
    figure5         restored images side by side, from a build of experiments

`produce` writes all of them into a folder, and `page` the page beside them. Drawing is in `plots`
and `panels`, which need matplotlib.
"""
