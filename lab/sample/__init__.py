"""The embedded sample web: documentation of this installation, simulated towns and planted cases, as WARC files.

Reading order: crawl.py plans and writes the WARC files; catalogue.py makes and lists the pages, from documentation/ and
from town/ (by town_sites.py); planted/ adds pages of which it is known what the pipeline must do with them; web_page.py
is a page and its HTTP messages, dress.py (with boilerplate.py) its HTML, warc_writer.py its records.
"""
