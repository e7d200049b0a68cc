"""A release as one page to look at: self-contained, offline, made of plain HTML, CSS and script.

`data` gathers what the page shows, `page` puts it into the template. Nothing is fetched when the
page is opened, and it has no script but its own.
"""
