"""Every table and figure of a release, written into a folder with a page beside.

catalogue  which there are: the paper's, and the benchmark's own
folder     writes them
page       the page of all of them, with the paper's printed values beside ours
"""
