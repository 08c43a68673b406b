"""Text and tables of the page's sections: a module and a template each."""
