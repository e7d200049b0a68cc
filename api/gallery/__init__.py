"""Every table and figure of a release, written to a folder with a page that shows them.

catalogue  lists them: the paper's, and the benchmark's own
made       writes the files of one, and tells what could not be made
folder     writes them all
page       the page that shows them all, with the paper's values next to ours
"""
