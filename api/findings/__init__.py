"""What a release says, in one page of Markdown: `findings_page`.

Every sentence is chosen by the numbers, so that the page can be made anew from any release and none
of its sentences can become false. Each statement names its fidelity, seeds and n. Where an interval
allows for both answers, or too little is there, the page says so and draws no conclusion.

    pooled       tau over the images that have runs, with one interval
    words        how numbers are put into words
    printed      Table 1 and Figure 1 beside the printed ones; published ranges of PSNR
    noise        tau between seeds; reliability of the scores
    comparison   fidelities with each other; images with each other
    beginnings   whether the beginning of a run ranks its end
    choices      which design choice makes an architecture good
    worth        which score is worth its cost
    page         the page
"""

from .page import findings_page

__all__ = ["findings_page"]
