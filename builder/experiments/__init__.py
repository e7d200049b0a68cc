"""Carries out the comparison of Tables 2 and 3: the same engines and shards as a dataset's build.

config     what is asked for
units      pieces of work: candidates ranked, one fit
state      what is finished, and the fits' outputs
planner    what each result waits for, and which network a method selects
worker     carries out a unit
folder     the build folder
cost       what a unit will take
run        the whole, resumable
rows       results from finished fits
preview    the dry run
publish    results of builds as data/experiments
commands   ``nasdip-build experiments``
"""
