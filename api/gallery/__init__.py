"""Every table and figure of a release, written to a folder with a page that shows them.

catalogue  lists them: the paper's, and the benchmark's own
folder     writes them and the page, which also tells what could not be made
"""
