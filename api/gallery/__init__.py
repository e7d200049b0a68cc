"""Every table and figure of a release, written into a folder with a page beside.

catalogue  which there are: the paper's, and the benchmark's own
folder     writes them
page       the page that sets them side by side, and the paper's beside the print
"""
