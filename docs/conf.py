"""The documentation's site, made by Sphinx: `bash scripts/docs/build_site.sh`. Every warning is an error."""

import pfsolid

project = "pfsolid"
author = "pfsolid developers"
copyright = "pfsolid developers"  # noqa: A001 (Sphinx's name)
version = release = pfsolid.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax", "sphinx_copybutton"]
exclude_patterns = ["data", "figures"]
suppress_warnings = ["misc.highlighting_failure"]  # shell lines with placeholders are no shell
nitpicky = False

myst_enable_extensions = ["deflist", "colon_fence", "dollarmath"]
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say them, with shapes and units
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True  # attributes are described once

html_theme = "furo"
html_title = f"pfsolid {version}"
html_theme_options = {"navigation_with_keys": True}
html_static_path, html_css_files = ["_static"], ["site.css"]
html_copy_source = False
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True

linkcheck_timeout = 20
linkcheck_anchors = False
