"""`@liquid`: a port of liquidjs with Segment's options, on top of python-liquid.

Segment renders templates with the JavaScript library liquidjs, with some tags and
filters disabled. This package changes python-liquid until templates give the same
text: parsing of literals (`quotes`), lookup of variables (`lookups`), equality and
order (`operators`), conversions between types (`convert`), tags (`tags`, `disabled`)
and all filters (`filters`). The size of the package is the price of that parity.
"""
