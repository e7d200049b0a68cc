"""The paper's comparison of restoration methods (Tables 2 and 3, Figure 5): what it consists of.

    sets        the test sets, by checksum, and how their images are read
    setting     named, hashed set-ups: the paper's, and a smaller one for a CPU
    methods     what restores an image, and which methods and tasks a table has
    results     the table of results and its folder

``nasdip-build experiments`` runs it, and ``nasdip-bench table 2`` prints the results.
"""
