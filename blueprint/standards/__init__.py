"""Attribute standards (属性标准): what a plan layer is made of, as data files that are checked when they are read."""
