"""Carries out the comparison of Tables 2 and 3.

config     what is asked for
folder     the build folder: settings, and what is finished
restore    one image restored by one method
run        all of them, resumable
cost       what they will take: shares, and the dry run
results    their rows as a table, and several builds as ``data/experiments``
"""
