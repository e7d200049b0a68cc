"""An offline page for browsing a release, in plain HTML, CSS and JavaScript.

`data` gathers what the page shows, `page` fills the template. The page fetches nothing and has no
script except its own.
"""
