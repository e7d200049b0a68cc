"""Runs the comparison of Tables 2 and 3.

config     what to run
folder     the build folder: settings and finished work
restore    restores one image by one method
run        runs all restorations, resumable
cost       predicts their cost, for shares and the dry run
results    writes their rows as a table, and merges builds into ``data/experiments``
"""
